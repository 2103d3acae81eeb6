"""Stretches the times of a nanosecond pcap. Usage: stretch.py IN OUT GAPS

GAPS has lines `FRAME GAP`: the time between the frame before and FRAME becomes exactly GAP (an integer with ns, us,
ms, s, and sums and differences of them, such as `30s-1ns`). All other gaps stay as recorded. `#` begins a comment.
"""
import re
import struct
import sys

UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
NANOSECOND_MAGIC = 0xA1B23C4D


def duration(text):
    parts = re.findall(r"([+-]?)(\d+)(ns|us|ms|s)", text)
    if not parts or "".join("".join(part) for part in parts) != text:
        sys.exit(f"not a duration: {text}")
    return sum((-1 if sign == "-" else 1) * int(number) * UNITS[unit] for sign, number, unit in parts)


def read_gaps(path):
    gaps = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = line.split("#")[0].split()
            if words:
                gaps[int(words[0])] = duration(words[1])
    return gaps


def main(source, target, gaps_path):
    gaps = read_gaps(gaps_path)
    with open(source, "rb") as file:
        data = file.read()
    if struct.unpack_from("<I", data)[0] != NANOSECOND_MAGIC:
        sys.exit(f"{source}: not a little-endian nanosecond pcap")
    out, offset, frame, before, now = bytearray(data[:24]), 24, 0, None, None
    while offset < len(data):
        seconds, nanos, captured, _ = struct.unpack_from("<IIII", data, offset)
        stamp, frame = seconds * 10**9 + nanos, frame + 1
        now = stamp if before is None else now + gaps.pop(frame, stamp - before)
        before = stamp
        out += struct.pack("<II", *divmod(now, 10**9)) + data[offset + 8 : offset + 16 + captured]
        offset += 16 + captured
    if gaps:
        sys.exit(f"{gaps_path}: no such frames: {sorted(gaps)}")
    with open(target, "wb") as file:
        file.write(out)


main(*sys.argv[1:])

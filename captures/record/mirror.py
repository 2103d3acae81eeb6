"""Copies the IPv4 frames of one interface, both directions, to another (a VXLAN device): a traffic mirror.

Usage: mirror.py INTERFACE DEVICE. Runs until it is ended. VXLAN itself (UDP port 4789) is left out.
"""
import socket
import struct
import sys

IPV4 = 0x0800
source = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
source.bind((sys.argv[1], 0x0003))
target = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
target.bind((sys.argv[2], 0))
while True:
    frame = source.recv(65535)
    if struct.unpack_from("!H", frame, 12)[0] != IPV4:
        continue
    header = 14 + 4 * (frame[14] & 15)
    if frame[23] == socket.IPPROTO_UDP and struct.unpack_from("!H", frame, header + 2)[0] == 4789:
        continue
    target.send(frame)

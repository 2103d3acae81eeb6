#!/usr/bin/env bash
# Records captures/fragments/fragments.pcap at the server's interface: links with an MTU of 600 force real fragments.
# Then two files made from it: late.pcap (the first fragments cut out) and slow.pcap (a fragment 30 s late).
source "$(dirname "$0")/lib.sh"

make_router
make_host client 203.0.113.9 203.0.113.1
make_host server 10.80.1.10 10.80.1.1
for name in client server; do
    on "$name" ip link set eth0 mtu 600
    ip -n "$router" link set "$name" mtu 600
done
text=$(printf 'all work and no play makes a dull packet %.0s' 1 2 3 4 5)
start_dns server 10.80.1.10 --edns-packet-max=4096 --txt-record="big.shop.example,$text,$text,$text,$text,$text,$text"

capture_start "$work/fragments.pcap" server 0 ip
on client dig +short +bufsize=4096 +tries=1 +timeout=2 @10.80.1.10 big.shop.example TXT | wc -c
sleep 0.2
on client ping -q -c 1 -W 1 -s 1400 -M dont 10.80.1.10 >/dev/null
sleep 0.2
# A datagram of 1,000 bytes to the log port, which no rule of the model admits.
on client python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("203.0.113.9", 40514)); s.sendto(b"x" * 1000, ("10.80.1.10", 514))'
capture_stop
deliver "$work/fragments.pcap" "$here/../fragments/fragments.pcap"
target="$here/../fragments"
editcap -F nsecpcap "$target/fragments.pcap" "$target/late.pcap" 2 5 8 11
python3 "$here/stretch.py" "$target/fragments.pcap" "$target/slow.pcap" "$target/gaps.txt"

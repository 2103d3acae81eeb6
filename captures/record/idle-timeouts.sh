#!/usr/bin/env bash
# Records captures/idle-timeouts/recorded.pcap at the server's interface, then stretches its times (stretch.py, gaps.txt)
# to captures/idle-timeouts/stretched.pcap: the pauses of the recording become idle times at a timeout, or 1 ns before it.
source "$(dirname "$0")/lib.sh"

make_router
make_host client 203.0.113.9 203.0.113.1
make_host server 10.70.1.10 10.70.1.1
start_dns server 10.70.1.10 --address=/www.shop.example/10.70.1.10
on server python3 "$here/talk.py" server 10.70.1.10 7000 &
wait_for server 7000 10.70.1.10
query() { on client dig +short +noedns +tries=1 +timeout=2 -b "203.0.113.9#$1" @10.70.1.10 www.shop.example A >/dev/null; sleep 0.2; }

capture_start "$work/recorded.pcap" server 0 ip
# TCP: the client speaks four times, the server once on its own.
on client python3 "$here/talk.py" client 10.70.1.10 7000
sleep 0.3
# UDP: two exchanges on port 40001, five on port 40002.
query 40001 && query 40001
query 40002 && query 40002 && query 40002 && query 40002 && query 40002
# ICMP: four echoes of one ping.
on client ping -q -c 4 -i 0.3 -W 1 10.70.1.10 >/dev/null
capture_stop
deliver "$work/recorded.pcap" "$here/../idle-timeouts/recorded.pcap"
python3 "$here/stretch.py" "$here/../idle-timeouts/recorded.pcap" "$here/../idle-timeouts/stretched.pcap" "$here/../idle-timeouts/gaps.txt"

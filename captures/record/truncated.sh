#!/usr/bin/env bash
# Records captures/truncated/whole.pcap at the web server's interface and damages copies of it: cut.pcap ends inside a
# record; snap47.pcap and snap48.pcap keep 47 and 48 bytes of each frame.
source "$(dirname "$0")/lib.sh"

make_router
make_host client 203.0.113.9 203.0.113.1
make_host web 10.90.1.10 10.90.1.1
start_nginx web 'server { listen 80; location / { return 200 "hello\n"; } }'
wait_for web 80 10.90.1.10
start_dns web 10.90.1.10 --address=/www.shop.example/10.90.1.10

capture_start "$work/whole.pcap" web 0 ip
on client dig +short +tries=1 +timeout=2 @10.90.1.10 www.shop.example A
sleep 0.2
on client ping -q -c 1 -W 1 10.90.1.10 >/dev/null
sleep 0.2
on client curl -s --max-time 2 -o /dev/null http://10.90.1.10/
capture_stop
target="$here/../truncated"
deliver "$work/whole.pcap" "$target/whole.pcap"
editcap -F nsecpcap -s 47 "$work/whole.pcap" "$target/snap47.pcap"
editcap -F nsecpcap -s 48 "$work/whole.pcap" "$target/snap48.pcap"
# The last 100 bytes are missing: the file ends inside a record.
head -c -100 "$work/whole.pcap" >"$target/cut.pcap"

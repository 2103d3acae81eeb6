#!/usr/bin/env bash
# Records captures/untracked/web.pcap at the web server's interface: TCP, UDP and ICMP from outside.
source "$(dirname "$0")/lib.sh"

make_router
make_host client 203.0.113.9 203.0.113.1
make_host web 10.50.1.10 10.50.1.1
start_nginx web 'server { listen 80; listen 8080; location / { return 200 "hello\n"; } }'
wait_for web 80 10.50.1.10
start_dns web 10.50.1.10 --address=/www.shop.example/10.50.1.10

capture_start "$work/web.pcap" web 0 ip
on client curl -s --max-time 2 -o /dev/null http://10.50.1.10/
sleep 0.2
on client dig +short +tries=1 +timeout=2 @10.50.1.10 www.shop.example A
sleep 0.2
on client ping -q -c 2 -i 0.3 -W 1 10.50.1.10 >/dev/null
sleep 0.2
on client curl -s --max-time 2 -o /dev/null http://10.50.1.10:8080/
sleep 0.2
on client python3 "$here/keepalive.py" 10.50.1.10 80 / 0 1
capture_stop
deliver "$work/web.pcap" "$here/../untracked/web.pcap"

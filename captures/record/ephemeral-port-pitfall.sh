#!/usr/bin/env bash
# Records captures/ephemeral-port-pitfall/web.pcap at the web server's interface (Ethernet, with ARP).
source "$(dirname "$0")/lib.sh"

make_router
make_host client 203.0.113.9 203.0.113.1
make_host web 10.30.1.10 10.30.1.1
start_nginx web 'server { listen 80; location / { return 200 "hello\n"; } }'
wait_for web 80 10.30.1.10

capture_start "$work/web.pcap" web 0
on client curl -s --max-time 2 http://10.30.1.10/
sleep 0.2
on client curl -s --max-time 2 http://10.30.1.10:8080/ || true
capture_stop
deliver "$work/web.pcap" "$here/../ephemeral-port-pitfall/web.pcap"

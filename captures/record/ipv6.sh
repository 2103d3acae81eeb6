#!/usr/bin/env bash
# Records captures/ipv6/web.pcap at the web server's interface: TCP, UDP, echo, a port that is closed, neighbour discovery.
source "$(dirname "$0")/lib.sh"

make_router
make_host6 client 2001:db8:c::9
make_host6 web 2001:db8:50:1::10
start_nginx web 'server { listen [::]:80; location / { return 200 "hello\n"; } }'
wait_for web 80 2001:db8:50:1::10
start_dns web 2001:db8:50:1::10 --address=/www.shop.example/2001:db8:50:1::10
sleep 2 # the links' own start-up talk

ip -n "$router" -6 neigh flush all
on web ip -6 neigh flush all
capture_start "$work/web.pcap" web 0 ip6
on client curl -s -g --max-time 2 -o /dev/null 'http://[2001:db8:50:1::10]/'
sleep 0.2
on client dig +short +tries=1 +timeout=2 @2001:db8:50:1::10 www.shop.example AAAA
sleep 0.2
on client ping -q -c 2 -i 0.3 -W 1 2001:db8:50:1::10 >/dev/null
sleep 0.2
on client python3 -c 'import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendto(b"anyone?", ("2001:db8:50:1::10", 9999))'
sleep 0.2
on client curl -s -g --max-time 2 -o /dev/null 'http://[2001:db8:50:1::10]:8080/' || true
capture_stop
deliver "$work/web.pcap" "$here/../ipv6/web.pcap"

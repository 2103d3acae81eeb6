#!/usr/bin/env bash
# Records captures/emergency-deny/web.pcap at the web server's interface: an attacker and a customer, each with a
# connection that stays open and with short ones.
source "$(dirname "$0")/lib.sh"

make_router
make_host customer 203.0.113.9 203.0.113.1
make_host attacker 198.51.100.66 198.51.100.1
make_host web 10.60.1.10 10.60.1.1
start_nginx web 'server { listen 80; location / { return 200 "hello\n"; } }'
wait_for web 80 10.60.1.10

capture_start "$work/web.pcap" web 0 ip
on attacker python3 "$here/keepalive.py" 10.60.1.10 80 / 0 1 2 3 4 &
one=$!
sleep 0.2
on customer python3 "$here/keepalive.py" 10.60.1.10 80 / 0 3.2 &
two=$!
sleep 0.2
on attacker curl -s --max-time 2 -o /dev/null http://10.60.1.10/
# The replay puts the new rules in force at +2.5 s, between two of the attacker's requests.
sleep 3.2
on attacker curl -s --max-time 2 -o /dev/null http://10.60.1.10/
sleep 0.2
on customer curl -s --max-time 2 -o /dev/null http://10.60.1.10/
wait "$one" "$two"
capture_stop
deliver "$work/web.pcap" "$here/../emergency-deny/web.pcap"

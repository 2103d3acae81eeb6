#!/usr/bin/env bash
# Records captures/allowance-exhausted/app.pcapng: the leg between load balancer and application, at the application's
# interface. Twelve requests through the load balancer, a new connection each; one connection stays open throughout.
source "$(dirname "$0")/lib.sh"

make_router
make_host client 203.0.113.9 203.0.113.1
make_host lb 10.40.1.10 10.40.1.1
make_host app 10.40.2.20 10.40.2.1
start_nginx app 'server { listen 8080; location / { return 200 "ok\n"; } }'
wait_for app 8080 10.40.2.20
start_nginx lb 'server { listen 80; location / { proxy_pass http://10.40.2.20:8080; } }'
wait_for lb 80 10.40.1.10

capture_start "$work/app.pcap" app 0 ip
# The health checker on the load balancer: one connection, a request now and one when all is over.
on lb python3 "$here/keepalive.py" 10.40.2.20 8080 /health 0 6 &
checker=$!
sleep 0.3
for _ in $(seq 12); do
    on client curl -s --max-time 2 -o /dev/null http://10.40.1.10/
    sleep 0.3
done
wait "$checker"
capture_stop
editcap -F pcapng "$work/app.pcap" "$work/app.pcapng"
deliver "$work/app.pcapng" "$here/../allowance-exhausted/app.pcapng"

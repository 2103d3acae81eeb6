#!/usr/bin/env bash
# Records captures/three-tier/three-tier.pcap and captures/mirror-vxlan/mirror.pcap: the same traffic, copied at the
# application's interface by mirror.py into a kernel VXLAN device, as VPC Traffic Mirroring delivers it.
source "$(dirname "$0")/lib.sh"

make_router
make_host client 203.0.113.9 203.0.113.1
make_host scanner 198.51.100.66 198.51.100.1
make_host lb 10.20.1.10 10.20.1.1
make_host bastion 10.20.1.99 10.20.1.1
make_host app 10.20.2.20 10.20.2.1
make_host db 10.20.3.30 10.20.3.1
make_host resolver 10.20.0.2 10.20.0.1
make_host monitor 10.20.9.9 10.20.9.1

# The database: a real PostgreSQL, no TLS, no password.
pg="$work/pg"
install -d -o postgres "$pg"
setpriv --reuid=postgres --regid=postgres --clear-groups initdb -D "$pg" -A trust --no-sync >/dev/null
echo 'host all all 10.20.0.0/16 trust' >>"$pg/pg_hba.conf"
on db setpriv --reuid=postgres --regid=postgres --clear-groups postgres -D "$pg" -h 10.20.3.30 -k "$pg" -F >"$work/pg.log" 2>&1 &
wait_for db 5432 10.20.3.30

start_dns resolver 10.20.0.2 --address=/db.shop.internal/10.20.3.30
on app python3 "$here/app.py" 10.20.2.20 8080 >/dev/null 2>&1 &
wait_for app 8080 10.20.2.20
start_nginx lb 'server { listen 80; location = /health { return 200 "up\n"; } location / { proxy_pass http://10.20.2.20:8080; } }'
wait_for lb 80 10.20.1.10

# The mirror's target listens, so that its kernel has nothing to complain about.
on monitor python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.20.9.9", 4789))
while True: s.recv(65535)' &

# The mirror: what enters and leaves the application's eth0 goes, wrapped in VXLAN, to the monitor.
on app ip link add vx0 type vxlan id 7711 remote 10.20.9.9 dstport 4789 local 10.20.2.20 noudpcsum dev eth0
on app sysctl -qw net.ipv6.conf.vx0.disable_ipv6=1 2>/dev/null || true
on app ip link set vx0 up
on app python3 "$here/mirror.py" eth0 vx0 &
sleep 0.3

# Two recordings at once: the router's view without the mirror's packets, and the monitor's.
ip netns exec "$router" tcpdump -Z root -n -U -i monitor -Q out -s 0 -c 1000 --time-stamp-precision=nano \
    -w "$work/mirror.pcap" udp dst port 4789 2>"$work/mirror.log" &
mirror_pid=$!
capture_start "$work/all.pcap" any 0 'ip and not host 10.20.9.9'

echo "1 good path" && on client curl -s --max-time 5 http://10.20.1.10/orders
sleep 0.2
echo "2 ssh scan" && { on scanner curl -s --max-time 2 telnet://10.20.1.10:22 || true; }
sleep 0.2
echo "3 known bad address" && on scanner curl -s --max-time 2 http://10.20.1.10/health
sleep 0.2
echo "4 ping from outside" && on client ping -q -c 1 -W 1 10.20.1.10 >/dev/null
sleep 0.2
echo "5 load balancer to the metrics port" && { on lb curl -s --max-time 2 http://10.20.2.20:9090/ || true; }
sleep 0.2
echo "6 bastion to the application" && on bastion curl -s --max-time 2 http://10.20.2.20:8080/health
sleep 0.2
echo "7 bastion to the database" && on bastion pg_isready -q -h 10.20.3.30 -t 2
sleep 0.2
echo "8 bastion to the load balancer, one subnet" && on bastion curl -s --max-time 2 http://10.20.1.10/health
capture_stop
kill -INT "$mirror_pid"
wait "$mirror_pid" || true

deliver "$work/all.pcap" "$here/../three-tier/three-tier.pcap"
deliver "$work/mirror.pcap" "$here/../mirror-vxlan/mirror.pcap"

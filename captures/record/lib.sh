# Shared by the recording scripts: builds a small network of namespaces around one router, records at the
# router, and takes everything down again. Source it; do not run it.
#
# Every host hangs on the router by a veth pair of its own and holds a /32 (or /128) address, as an instance in
# a VPC does: all traffic, also between two hosts of one subnet, passes the router once. Addresses exist in the
# namespaces only; nothing reaches the machine's own network.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/vpcreplay-record.XXXXXX")
chmod 755 "$work"
tag="vr$$"
router="$tag-router"
hosts=()

# Ends the processes inside our own namespaces (by their ids), removes the namespaces and the scratch folder.
cleanup() {
    local name pid
    for name in "${hosts[@]}" router; do
        for pid in $(ip netns pids "$tag-$name" 2>/dev/null); do
            kill "$pid" 2>/dev/null || true
        done
    done
    sleep 0.3
    for name in "${hosts[@]}" router; do
        ip netns del "$tag-$name" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT

# make_router: the namespace in the middle.
make_router() {
    ip netns add "$router"
    ip -n "$router" link set lo up
    ip netns exec "$router" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
        net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
        net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
}

# make_host NAME ADDRESS GATEWAY: a host with one IPv4 address. Its end is eth0, the router's end is NAME.
make_host() {
    local name=$1 address=$2 gateway=$3 ns="$tag-$1"
    make_link "$name"
    ip -n "$ns" addr add "$address/32" dev eth0
    ip -n "$router" addr add "$gateway/32" dev "$name"
    ip -n "$router" route add "$address/32" dev "$name"
    ip -n "$ns" route add default via "$gateway" dev eth0 onlink
}

# make_host6 NAME ADDRESS: a host with one IPv6 address; the router is fe80::1 on its link.
make_host6() {
    local name=$1 address=$2 ns="$tag-$1"
    make_link "$name" ipv6
    ip -n "$router" addr add fe80::1/64 dev "$name" nodad
    ip -n "$ns" addr add "$address/128" dev eth0 nodad
    ip -n "$router" route add "$address/128" dev "$name"
    ip -n "$ns" route add default via fe80::1 dev eth0
}

# make_link NAME [ipv6]: namespace and veth pair. Without "ipv6" the host stays silent in IPv6.
make_link() {
    local name=$1 family=${2:-ipv4} ns="$tag-$1"
    hosts+=("$name")
    ip netns add "$ns"
    if [ "$family" = ipv4 ]; then
        ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
        ip netns exec "$router" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
    fi
    ip link add "$name" netns "$router" type veth peer name eth0 netns "$ns"
    ip -n "$ns" link set lo up
    ip -n "$ns" link set eth0 up
    ip -n "$router" link set "$name" up
}

# on HOST COMMAND…: runs a command in a host's namespace.
on() {
    local name=$1
    shift
    ip netns exec "$tag-$name" "$@"
}

# capture_start FILE INTERFACE SNAPLEN [FILTER…]: records at the router, nanoseconds, at most 1000 packets.
# INTERFACE "any" records each packet once, as it enters the router (Linux cooked v2).
capture_start() {
    local file=$1 interface=$2 snaplen=$3 direction=()
    shift 3
    if [ "$interface" = any ]; then direction=(-Q in); fi
    ip netns exec "$router" tcpdump -Z root -n -U -i "$interface" "${direction[@]}" -s "$snaplen" -c 1000 \
        --time-stamp-precision=nano -w "$file" "$@" 2>"$file.log" &
    capture_pid=$!
    for _ in $(seq 50); do
        if grep -q 'listening on' "$file.log" 2>/dev/null; then break; fi
        sleep 0.1
    done
    sleep 0.2
}

# capture_stop: lets the last packets arrive, then ends the recording.
capture_stop() {
    sleep 1
    kill -INT "$capture_pid"
    wait "$capture_pid" || true
}

# wait_for HOST PORT ADDRESS: until a TCP port answers from inside the host (over its own loopback, not recorded).
wait_for() {
    local name=$1 port=$2 address=$3
    for _ in $(seq 100); do
        if on "$name" bash -c "exec 3<>/dev/tcp/$address/$port" 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    echo "no answer from $name at $address port $port" >&2
    return 1
}

# start_nginx HOST SERVER_BLOCK…: one nginx process with the given server blocks.
start_nginx() {
    local name=$1 dir="$work/nginx-$1"
    mkdir -p "$dir"
    cat >"$dir/nginx.conf" <<CONF
daemon off; master_process off; pid $dir/pid; error_log $dir/error.log;
events { worker_connections 64; }
http {
    access_log off; server_tokens off; etag off;
    client_body_temp_path $dir/a; proxy_temp_path $dir/b; fastcgi_temp_path $dir/c; uwsgi_temp_path $dir/d; scgi_temp_path $dir/e;
    $2
}
CONF
    on "$name" nginx -e "$dir/error.log" -c "$dir/nginx.conf" >/dev/null 2>&1 &
}

# start_dns HOST ADDRESS OPTION…: dnsmasq that answers from its own records only.
start_dns() {
    local name=$1 address=$2
    shift 2
    on "$name" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file="$work/dns-$name.pid" \
        --user=root --bind-interfaces --listen-address="$address" "$@" >/dev/null 2>&1 &
    sleep 0.5
}

# deliver FILE TARGET: puts a finished recording into its folder.
deliver() {
    install -m 644 "$1" "$2"
    echo "$2: $(capinfos -TrMc "$2" | cut -f2) packets"
}

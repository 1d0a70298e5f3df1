# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Hosts as network namespaces, and TCP between them. A pair is
#
#     container `a` --- vnet0, host `near`, eth0 --- eth0, host `far`, vnet0 --- container `b`
#         10.0.1.2         172.16.0.1, fd00::1       172.16.0.2, fd00::2        10.0.2.2
#         fd01:0:0:1::2                                                         fd01:0:0:2::2
#
# where `near` is what is tested and `far` whom it talks to.
# shellcheck disable=SC2034 # what other files read
NEAR4=172.16.0.1 NEAR6=fd00::1
FAR4=172.16.0.2 FAR6=fd00::2
A4=10.0.1.2 A6=fd01:0:0:1::2
B4=10.0.2.2 B6=fd01:0:0:2::2
CONTAINER_MTU=1400 # leaves room for every header that a scenario puts around it
TCP_BYTES=3000000
hosts=
pids=

host() { # NAME
	hosts="$hosts $1"
	ip netns add "$1"
	ip -n "$1" link set lo up
}

in_host() { # NAME COMMAND...
	local name=$1
	shift
	ip netns exec "$name" "$@"
}

start_in() { # NAME LOG COMMAND...: in the background, until lab_down; $! is its pid
	local name=$1 log=$2
	shift 2
	ip netns exec "$name" "$@" >"$log" 2>&1 &
	pids="$pids $!"
	disown
}

gone() { ! kill -0 "$1" 2>/dev/null; }

stop() { # PID [SIGNAL]: and waits until it is gone
	kill "${2:--TERM}" "$1" 2>/dev/null
	wait_for gone "$1"
}

cpus() { # one|all: with one, packets stay in order from device to device
	local online=1
	[ "$1" = all ] || online=0
	echo $online >/sys/devices/system/cpu/cpu1/online
}

lab_down() {
	local pid name
	for pid in $pids; do
		stop "$pid"
	done
	for name in $hosts; do
		for pid in $(ip netns pids "$name"); do
			kill -9 "$pid" 2>/dev/null
		done
		ip netns del "$name"
	done
	[ ! -e /sys/class/net/lan ] || ip link del lan
	pids=
	hosts=
	rm -rf /tmp/run.* /tmp/ovs.*
	cpus all
}

container() { # NAME HOST: behind `vnet0` of a host
	host "$1"
	ip -n "$2" link add vnet0 type veth peer name eth0 netns "$1"
	ip -n "$2" link set vnet0 up
	ip -n "$1" link set eth0 mtu $CONTAINER_MTU up
}

pair() {
	host near
	host far
	ip -n near link add eth0 type veth peer name eth0 netns far
	ip -n near addr add $NEAR4/24 dev eth0
	ip -n near addr add $NEAR6/64 dev eth0 nodad
	ip -n far addr add $FAR4/24 dev eth0
	ip -n far addr add $FAR6/64 dev eth0 nodad
	ip -n near link set eth0 up
	ip -n far link set eth0 up
	container a near
	container b far
}

pair_bridged() { # the containers are on one link
	pair
	ip -n a addr add $A4/16 dev eth0
	ip -n a addr add $A6/48 dev eth0 nodad
	ip -n b addr add $B4/16 dev eth0
	ip -n b addr add $B6/48 dev eth0 nodad
}

pair_routed() { # the hosts are the containers' routers
	pair
	routed_container a near 1
	routed_container b far 2
}

routed_container() { # NAME HOST NUMBER
	ip -n "$1" addr add "10.0.$3.2/24" dev eth0
	ip -n "$1" addr add "fd01:0:0:$3::2/64" dev eth0 nodad
	ip -n "$2" addr add "10.0.$3.1/24" dev vnet0
	ip -n "$2" addr add "fd01:0:0:$3::1/64" dev vnet0 nodad
	ip -n "$1" route add default via "10.0.$3.1"
	ip -n "$1" route add default via "fd01:0:0:$3::1"
	in_host "$2" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
}

make_data() { # what is sent, and its hash
	head -c $TCP_BYTES /dev/urandom >/tmp/data
	data_hash=$(sha256sum </tmp/data)
}

listening() { # HOST: somebody listens on port 7000 there
	in_host "$1" grep -qi ':1B58 0*:0000 0A' /proc/net/tcp /proc/net/tcp6
}

transfer() { # FROM TO ADDRESS: the data by TCP, to the last bit
	local receiver
	# nc ends when its input does: that of the receiver never does
	[ -p /tmp/silence ] || mkfifo /tmp/silence
	in_host "$2" timeout 100 nc -l -p 7000 <>/tmp/silence 2>&1 | sha256sum >/tmp/received &
	receiver=$!
	wait_for listening "$2" || return
	in_host "$1" timeout 100 bash -c "cat /tmp/data >/dev/tcp/$3/7000"
	wait $receiver
	[ "$(cat /tmp/received)" = "$data_hash" ] || {
		echo "not what was sent: $(cat /tmp/received)"
		return 1
	}
}

statistic() { # HOST DEVICE NAME
	in_host "$1" cat "/sys/class/net/$2/statistics/$3"
}

packet_size() { # HOST DEVICE rx|tx COMMAND...: into $packet_size, the mean of the packets that the command causes
	local host=$1 device=$2 way=$3 bytes packets
	shift 3
	bytes=$(statistic "$host" "$device" "${way}_bytes")
	packets=$(statistic "$host" "$device" "${way}_packets")
	"$@" || return
	bytes=$(($(statistic "$host" "$device" "${way}_bytes") - bytes))
	packets=$(($(statistic "$host" "$device" "${way}_packets") - packets))
	packet_size=$((bytes / (packets > 0 ? packets : 1)))
}

offloads() { # on|off HOST DEVICE
	in_host "$2" ethtool -K "$3" tx "$1" tso "$1" gso "$1" gro "$1" >/dev/null
}

# TCP both ways and over both IP versions, first in super-packets; then with these cut at the underlay, as by a NIC
# that cannot cut what is in a tunnel; then in single packets with whole checksums.
exchange() {
	check "ping a to b" wait_for in_host a ping -c 1 -W 5 $B4 || return
	check "ping a to b, IPv6" wait_for in_host a ping -c 1 -W 5 $B6 || return
	exchange_in "super-packets"
	offloads off near eth0
	offloads off far eth0
	exchange_in "super-packets that the host cuts"
	offloads off a eth0
	offloads off b eth0
	exchange_in "single packets"
}

exchange_in() { # WHAT
	local way
	for way in "a b $B4" "b a $A4" "a b $B6" "b a $A6"; do
		# shellcheck disable=SC2086 # words
		check "TCP $way, $1" sent_in "$1" $way
	done
}

sent_in() { # WHAT FROM TO ADDRESS
	packet_size "$2" eth0 tx transfer "$2" "$3" "$4" || return
	echo "$packet_size bytes a packet"
	case $1 in
	single*) [ "$packet_size" -le $((CONTAINER_MTU + 14)) ] ;;
	*) [ "$packet_size" -gt $((2 * CONTAINER_MTU)) ] ;;
	esac
}

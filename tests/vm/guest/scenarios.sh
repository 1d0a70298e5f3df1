# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The scenarios: one function each, called with the words that tests/vm/scenarios has for it.

# The verifier of this kernel takes the programs.
scenario_load() {
	local program
	check "the datapath loads" bpftool prog loadall /weft.bpf.o /sys/fs/bpf/weft
	for program in weft_port weft_underlay weft_collect weft_split; do
		check "$program" [ -e /sys/fs/bpf/weft/$program ]
	done
	rm -rf /sys/fs/bpf/weft
}

# The tests of what touches the host.
scenario_host_programs() {
	local program
	for program in /bin/test-host_*; do
		check "$program" "$program"
	done
}

scenario_bridged() { # UNDERLAY TYPE WORDS
	pair_bridged
	between bridged "$@"
}

scenario_routed() { # UNDERLAY TYPE WORDS
	pair_routed
	between routed "$@"
}

# By t0 between the two hosts, with the kernel's own device at the far one.
between() { # bridged|routed UNDERLAY TYPE WORDS [near WORDS] [far WORDS]
	local way=$1 underlay=$2 word only='' here=() there=()
	shift 2
	for word in "$@"; do
		case $word in
		near | far) only=$word ;;
		*seq) cpus one ;;&
		*)
			[ "$only" = far ] || here+=("$word")
			[ "$only" = near ] || there+=("$word")
			;;
		esac
	done
	near_end "$way" "$underlay" "${here[@]}"
	end_kernel far "$way" "$underlay" "${there[@]}"
	exchange
	case $way:$near:$1 in bridged:weft:vxlan | bridged:weft:geneve) check "GRO" merges near "$1" ;; esac
	near_quiet
	kernel_quiet far t0
}

merges() { # HOST TYPE: the kernel has a device that merges what comes by the tunnel's port
	weft "$1" status >/tmp/status
	cat /tmp/status
	grep -q "weft-${2:0:2}" /tmp/status
}

# GENEVE options of the kernel's flow-based device, by tc: it sends OPTIONS_FAR, and takes what has
# OPTIONS_NEAR and nothing else. weft demands and sends the same, and tells what it saw.
OPTIONS_NEAR=0102:80:44556677 OPTIONS_FAR=0102:80:00112233,0103:01:aabbccdd00000001
scenario_geneve_options() { # UNDERLAY
	pair_bridged
	end_tc far "$1" $OPTIONS_FAR $OPTIONS_NEAR
	if [ "$near" = kernel ]; then
		end_tc near "$1" $OPTIONS_NEAR $OPTIONS_FAR
	else
		near_end bridged "$1" geneve id 77 option 0x0102:0x80:44556677 \
			match 0x0102:0x80:00112233 accept 0x0103:0x01:8
	fi
	exchange
	[ "$near" = kernel ] || check "options seen" options_seen
	near_quiet
	kernel_quiet far t0
}

options_seen() {
	weft near -j -p tunnel show t0 | grep -A 20 '"options"' >/tmp/options || return
	cat /tmp/options
	grep -qi 00112233 /tmp/options && grep -qi aabbccdd00000001 /tmp/options
}

# Open vSwitch with the kernel's datapath, in its own words.
scenario_ovs() { # UNDERLAY TYPE WORDS [far WORDS of ovs-vsctl]
	local underlay=$1 word only='' here=() there=()
	shift
	for word in "$@"; do
		case $word in
		far) only=far ;;
		*) if [ "$only" = far ]; then there+=("$word"); else here+=("$word"); fi ;;
		esac
	done
	pair_bridged
	end_ovs far "$underlay" "${there[@]}"
	if [ "$near" = kernel ]; then
		end_kernel near bridged "$underlay" "${here[@]}"
	else
		near_end bridged "$underlay" "${here[@]}"
	fi
	exchange
	near_quiet
	ovs_quiet far
}

# GENEVE options by Open vSwitch's flows, to the tunnel and matched from it.
scenario_ovs_options() { # UNDERLAY
	pair_bridged
	end_ovs far "$1" type=geneve options:key=77 options:csum=true
	ovs far ovs-ofctl add-tlv-map br0 '{class=0x102,type=0x80,len=4}->tun_metadata0,{class=0x103,type=0x1,len=8}->tun_metadata1'
	ovs far ovs-ofctl del-flows br0
	check "flow to the tunnel" ovs far ovs-ofctl add-flow br0 \
		'in_port=vnet0,actions=set_field:0x00112233->tun_metadata0,set_field:0xaabbccdd00000001->tun_metadata1,output:t0'
	check "flow from the tunnel" ovs far ovs-ofctl add-flow br0 'in_port=t0,tun_metadata0=0x44556677,actions=output:vnet0'
	if [ "$near" = kernel ]; then
		end_tc near "$1" $OPTIONS_NEAR $OPTIONS_FAR
	else
		near_end bridged "$1" geneve id 77 option 0x0102:0x80:44556677 \
			match 0x0102:0x80:00112233 accept 0x0103:0x01:8
	fi
	exchange
	[ "$near" = kernel ] || check "options seen" options_seen
	near_quiet
	ovs_quiet far
}

# What weft says of packets: live, read back, of one that does not exist, and of one that it sends itself.
scenario_capture() {
	local file=/tmp/ping.pcapng pid
	[ "$near" = weft ] || return
	pair_bridged
	# as large as the overlay carries, or it is found to be too narrow
	ip -n a link set eth0 mtu 1450
	ip -n b link set eth0 mtu 1450
	# what is captured has checksums that are none yet where a device is to write them
	offloads off far eth0
	near_end bridged 4 vxlan id 77 dstport 4789
	end_kernel far bridged 4 vxlan id 77 dstport 4789
	check "ping a to b" wait_for in_host a ping -c 1 -W 5 $B4
	capture_begin -w $file icmp and host $B4
	pid=$!
	check "two pings" in_host a ping -c 2 -i 0.2 -W 5 $B4
	check "ping a to b, IPv6, which does not pass the filter" in_host a ping -c 1 -W 5 $B6
	stop $pid
	check "each packet at each point, and no others" grep -q '^weft: 8 packets captured, 0 lost$' /tmp/capture
	check "the request, read back" traced "icmp echo request .*sent to remote $FAR4 of tunnel t0" -r $file in vnet0
	check "the answer, read back" traced "icmp echo reply .*delivered to port vnet0" -r $file -n 3 underlay
	check "nine packets are not in it" fails weft near trace -r $file -n 9 in vnet0
	check "a packet that is not there" traced "sent to remote $FAR4" in vnet0 \
		"icmp, src $A4, dst $B4, dmac $(in_host b cat /sys/class/net/eth0/address)"
	check "lines" capture_lines
	check "probe" weft near probe from vnet0 to $B4 count 2 interval 0.1
	# the size that is one too many
	weft_quiet near mtu_silent
	weft_leaves near
	kernel_quiet far t0
}

fails() { ! "$@"; }

capture_begin() { # WORDS...: in the background; $! is its pid
	start_in near /tmp/capture weft --rundir /tmp/run.near capture "$@"
	wait_for grep -q capturing /tmp/capture
}

capture_lines() { # of one request, as it comes and as it goes
	local pid
	capture_begin -c 2 "icmp[icmptype] == icmp-echo"
	pid=$!
	in_host a ping -c 1 -W 5 $B4
	wait_for gone $pid
	cat /tmp/capture
	grep -q ' port-in port vnet0: .*ICMP echo request' /tmp/capture &&
		grep -q " underlay-out port vnet0 tunnel t0 remote $FAR4: .*VXLAN vni 77 | " /tmp/capture
}

traced() { # PATTERN WORDS...: what weft says of it, on one line
	local pattern=$1
	shift
	weft near trace "$@" | tr '\n' ' ' >/tmp/traced
	cat /tmp/traced
	grep -qi "$pattern" /tmp/traced
}

# Three hosts on a LAN, two containers each, all to all by unicast and by a group; then once more after one
# weftd was killed and started again. At the end nothing is left.
scenario_mesh() {
	local n
	ip link add lan type bridge mcast_snooping 0
	ip link set lan up
	for n in 1 2 3; do
		mesh_host $n
	done
	mesh_pings
	stop "$(cat /tmp/run.h1/pid)" -KILL
	weftd_up h1
	mesh_pings
	for n in 1 2 3; do
		# vx1's device may speak, of its IPv6, before its tunnel is ready
		weft_quiet h$n no_receiver
		weft_leaves h$n
	done
}

mesh_host() { # NUMBER
	local n=$1 c other remotes=
	host "h$n"
	ip link add "port$n" type veth peer name eth0 netns "h$n"
	ip link set "port$n" master lan up
	ip -n "h$n" addr add "192.168.1.$n/24" dev eth0
	ip -n "h$n" link set eth0 up
	for c in 0 1; do
		host "h$n.$c"
		ip -n "h$n" link add vnet$c type veth peer name eth0 netns "h$n.$c"
		ip -n "h$n" link set vnet$c up
		ip -n "h$n.$c" link set eth0 mtu 1450 up
		ip -n "h$n.$c" addr add "10.0.$c.$n/16" dev eth0
	done
	for other in 1 2 3; do
		[ $other = "$n" ] || remotes="$remotes remote 192.168.1.$other"
	done
	weftd_up "h$n"
	check "bridge" weft "h$n" bridge add br0
	for c in 0 1; do
		check "port" weft "h$n" port add vnet$c bridge br0
	done
	check "internal port" weft "h$n" port add host0 bridge br0 type internal address "10.0.2.$n/16"
	# shellcheck disable=SC2086 # words
	check "mesh" weft "h$n" tunnel add vx0 bridge br0 type vxlan id 1000 $remotes
	check "group" weft "h$n" tunnel add vx1 type vxlan id 10 group 239.1.1.1 dev eth0 address "10.1.0.$n/24"
}

mesh_pings() {
	local one two c
	for one in 1 2 3; do
		for two in 1 2 3; do
			for c in 0 1 2; do
				check "ping from h$one.0 to 10.0.$c.$two" in_host h$one.0 ping -c 1 -W 5 10.0.$c.$two
			done
			check "ping by the group, $one to $two" in_host h$one ping -c 1 -W 5 10.1.0.$two
		done
	done
}

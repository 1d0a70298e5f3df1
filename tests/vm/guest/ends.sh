# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The ends of a tunnel: weft's, the kernel's, Open vSwitch's. Each joins host NAME, whose underlay addresses are LOCAL
# and whose container is behind vnet0, by a tunnel `t0`.

addresses() { # HOST UNDERLAY: sets $own and $other
	local here=NEAR$2 there=FAR$2
	[ "$1" = near ] || { here=FAR$2 there=NEAR$2; }
	own=${!here}
	other=${!there}
}

other_side() { # HOST: the container's network behind the other host
	if [ "$1" = near ]; then echo 2; else echo 1; fi
}

near_end() { # bridged|routed UNDERLAY TYPE WORDS...
	"end_$near" near "$@"
}

weft() { # HOST WORDS...
	local host=$1
	shift
	/bin/weft --rundir "/tmp/run.$host" "$@"
}

weftd_up() { # HOST
	mkdir -p "/tmp/run.$1"
	start_in "$1" "/tmp/run.$1/log" weftd --rundir "/tmp/run.$1"
	echo $! >"/tmp/run.$1/pid"
	check "weftd is ready on $1" wait_for grep -q ready "/tmp/run.$1/log"
}

end_weft() { # HOST bridged|routed UNDERLAY TYPE WORDS...
	local host=$1 way=$2 own other peer
	addresses "$1" "$3"
	shift 3
	peer="remote $other"
	case " $* " in *" group "*) peer= ;; esac
	weftd_up "$host"
	# shellcheck disable=SC2086 # words
	if [ "$way" = bridged ]; then
		check "bridge" weft "$host" bridge add br0
		check "tunnel $*" weft "$host" tunnel add t0 bridge br0 type "$@" local "$own" $peer
		check "port" weft "$host" port add vnet0 bridge br0
	else
		check "tunnel $*" weft "$host" tunnel add t0 type "$@" local "$own" $peer
		routes "$host"
	fi
}

routes() { # HOST: to the other host's container by t0
	check "route" ip -n "$1" route add "10.0.$(other_side "$1").0/24" dev t0
	check "route, IPv6" ip -n "$1" route add "fd01:0:0:$(other_side "$1")::/64" dev t0
}

end_kernel() { # HOST bridged|routed UNDERLAY TYPE WORDS...
	local host=$1 way=$2 underlay=$3 type=$4 own other ends
	addresses "$host" "$underlay"
	shift 4
	ends="local $own remote $other"
	case $type:$underlay in
	geneve:*) ends="remote $other" ;; # takes any of its own
	gretap:6) type=ip6gretap ;;
	gre:6) type=ip6gre ;;
	esac
	case " $* " in *" group "*) ends="local $own" ;; esac
	# shellcheck disable=SC2086 # words
	check "the kernel's $type $*" ip -n "$host" link add t0 type $type $ends "$@"
	if [ "$way" = bridged ]; then
		ip -n "$host" link add br0 type bridge mcast_snooping 0
		ip -n "$host" link set vnet0 master br0
		ip -n "$host" link set t0 master br0
		ip -n "$host" link set br0 up
	fi
	ip -n "$host" link set t0 up
	[ "$way" = bridged ] || routes "$host"
}

end_tc() { # HOST UNDERLAY SENT TAKEN: GENEVE with options, lists as tc has them
	local host=$1 own other
	addresses "$host" "$2"
	ip -n "$host" link add t0 type geneve external dstport 6081 udp6zerocsumrx
	# what the device would say by itself has no tunnel key
	in_host "$host" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/t0/disable_ipv6'
	ip -n "$host" link set t0 up
	tc -n "$host" qdisc add dev vnet0 clsact
	tc -n "$host" qdisc add dev t0 clsact
	check "encapsulation by tc" tc -n "$host" filter add dev vnet0 ingress matchall \
		action tunnel_key set id 77 src_ip "$own" dst_ip "$other" dst_port 6081 csum geneve_opts "$3" \
		action mirred egress redirect dev t0
	check "decapsulation by tc" tc -n "$host" filter add dev t0 ingress protocol all flower \
		enc_key_id 77 enc_src_ip "$other" enc_dst_ip "$own" geneve_opts "$4" \
		action tunnel_key unset action mirred egress redirect dev vnet0
}

ovs() { # HOST COMMAND...: one of Open vSwitch's, to that host's own
	local host=$1
	shift
	OVS_RUNDIR=/tmp/ovs.$host OVS_DBDIR=/tmp/ovs.$host OVS_LOGDIR=/tmp/ovs.$host ip netns exec "$host" "$@"
}

end_ovs() { # HOST UNDERLAY WORDS...: those of ovs-vsctl for the tunnel's interface
	local host=$1 own other dir=/tmp/ovs.$1
	addresses "$host" "$2"
	shift 2
	mkdir -p "$dir"
	modprobe openvswitch
	ovs "$host" ovsdb-tool create "$dir/conf.db" /usr/share/openvswitch/vswitch.ovsschema
	ovs "$host" ovsdb-server "$dir/conf.db" --remote="punix:$dir/db.sock" --detach --pidfile --log-file --no-chdir \
		>"$dir/output" 2>&1
	ovs "$host" ovs-vsctl --no-wait init
	ovs "$host" ovs-vswitchd --detach --pidfile --log-file --no-chdir >>"$dir/output" 2>&1
	check "Open vSwitch" ovs "$host" ovs-vsctl --timeout=60 add-br br0 -- add-port br0 vnet0 \
		-- add-port br0 t0 -- set interface t0 "$@" "options:local_ip=$own" "options:remote_ip=$other"
	check "its tunnel is the kernel's" ovs_tunnel "$host"
}

ovs_tunnel() { # HOST: the tunnel is a port of the kernel's datapath
	ovs "$1" ovs-appctl dpctl/show >/tmp/dpctl
	cat /tmp/dpctl
	ovs "$1" ovs-vsctl get interface t0 ofport error
	grep -q '^system@' /tmp/dpctl && grep -q '_sys' /tmp/dpctl
}

ovs_quiet() { # HOST: no errors, no drops
	check "no errors of Open vSwitch on $1" ovs_errors "$1"
}

ovs_errors() { # HOST
	ovs "$1" ovs-appctl dpctl/show -s >/tmp/dpctl
	! grep -E '(errors|dropped|overruns|frame|crc|carrier|collisions):[1-9]' /tmp/dpctl || {
		cat /tmp/dpctl
		return 1
	}
}

near_quiet() { # what the near end may have to say against it
	if [ "$near" = weft ]; then
		weft_quiet near
		weft_leaves near
	else
		kernel_quiet near t0
	fi
}

weft_quiet() { # HOST [REASON...]: nothing in the log, no drops but for these reasons
	check "no drops on $1" weft_drops "$@"
	check "nothing in the log of $1" nothing grep -v 'weftd: ready' "/tmp/run.$1/log"
}

weft_drops() { # HOST [REASON...]: fails if something else was dropped
	local host=$1 reasons
	shift
	reasons=" $* "
	weft "$host" drops | awk -v reasons="$reasons" '
		/^$/ { exit } # the last packets follow
		NR > 1 && !index(reasons, " " $1 " ") { print; bad = 1 }
		END { exit bad }'
}

weft_leaves() { # HOST: the last object takes everything along
	echo '{}' >/tmp/empty
	check "empty file on $1" weft "$1" apply /tmp/empty
	check "no qdisc stays on $1" nothing sh -c "tc -n $1 qdisc | grep clsact"
	check "no device stays on $1" nothing sh -c "ip -n $1 link | grep weft:"
}

kernel_quiet() { # HOST DEVICE: no errors, no drops
	check "no errors of the kernel's $2 on $1" device_errors "$1" "$2"
}

device_errors() { # HOST DEVICE
	local name count bad=0
	for name in rx_errors rx_dropped rx_crc_errors rx_frame_errors rx_fifo_errors rx_length_errors tx_errors \
		tx_dropped tx_carrier_errors collisions; do
		count=$(statistic "$1" "$2" $name)
		[ "$count" = 0 ] || { echo "$name $count" && bad=1; }
	done
	return $bad
}

# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of `weft` for bash: what the command itself says in its help, and the names that weftd has.

_weft_names() {
	# name is the first column of `show`, below its heading
	weft "$1" show 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_weft() {
	local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD - 1]}
	local -a words=()
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--rundir) i=$((i + 1)) ;;
		-*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	COMPREPLY=()
	case ${#words[@]} in
	0) mapfile -t COMPREPLY < <(compgen -W "$(weft help | awk '/^  [a-z]/ { print $1 }')" -- "$word") ;;
	1)
		case ${words[0]} in
		top) mapfile -t COMPREPLY < <(compgen -W "-b -n -w" -- "$word") ;;
		bench) mapfile -t COMPREPLY < <(compgen -W "-s help $(_weft_names tunnel)" -- "$word") ;;
		capture)
			case $last in
			-w) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
			-i) mapfile -t COMPREPLY < <(compgen -W "port-in port-out underlay-in underlay-out drop" -- "$word") ;;
			--port | --tunnel) mapfile -t COMPREPLY < <(compgen -W "$(_weft_names "${last#--}")" -- "$word") ;;
			*) mapfile -t COMPREPLY < <(compgen -W "-w -i -c -s -B --port --tunnel --outer" -- "$word") ;;
			esac
			;;
		trace) mapfile -t COMPREPLY < <(compgen -W "-r in underlay" -- "$word") ;;
		drops)
			mapfile -t COMPREPLY < <(compgen -W "-w $(weft drops help | awk '/^REASON/ { more = 1; next } more { print $1 }')" -- "$word")
			;;
		apply | diff) mapfile -t COMPREPLY < <(compgen -f -- "$word"; compgen -W "-v" -- "$word") ;;
		bridge | port | tunnel | fdb | probe)
			mapfile -t COMPREPLY < <(compgen -W "$(weft "${words[0]}" help |
				awk '$1 == "weft" { print $3 }')" -- "$word")
			;;
		esac
		;;
	*)
		case $last in
		from) mapfile -t COMPREPLY < <(compgen -W "$(_weft_names port)" -- "$word") ;;
		dev) mapfile -t COMPREPLY < <(compgen -W "$(_weft_names port; _weft_names tunnel)" -- "$word") ;;
		tunnel | via) mapfile -t COMPREPLY < <(compgen -W "$(_weft_names tunnel)" -- "$word") ;;
		bridge) mapfile -t COMPREPLY < <(compgen -W "$(_weft_names bridge)" -- "$word") ;;
		show | set | del) mapfile -t COMPREPLY < <(compgen -W "$(_weft_names "${words[0]}")" -- "$word") ;;
		type) mapfile -t COMPREPLY < <(compgen -W "vxlan geneve gretap gre nvgre device internal" -- "$word") ;;
		in) mapfile -t COMPREPLY < <(compgen -W "$(_weft_names port)" -- "$word") ;;
		-r) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
		toobig) mapfile -t COMPREPLY < <(compgen -W "fragment reject drop" -- "$word") ;;
		storm_*) mapfile -t COMPREPLY < <(compgen -W "off" -- "$word") ;;
		mss) mapfile -t COMPREPLY < <(compgen -W "off auto" -- "$word") ;;
		*)
			# options of an object, and those that follow OPTIONS
			mapfile -t COMPREPLY < <(compgen -W "$(weft "${words[0]}" help |
				awk '/^OPTIONS/ { more = 1; next } /^[A-Z]/ { more = 0 } more { print $1; next } /^  (\[no\])?[a-z0-9_]+$/ { if (sub(/^\[no\]/, "", $1)) print "no" $1; print $1 }')" -- "$word")
			;;
		esac
		;;
	esac
}
complete -F _weft weft

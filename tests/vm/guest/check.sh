# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Checks and the counting of them.
passed=0
failed=0

start_scenario() { # NAME
	scenario=$1
	scenario_failed=$failed
	scenario_start=$SECONDS
}

end_scenario() {
	local result="passes"
	[ "$failed" -eq "$scenario_failed" ] || result="FAILS ($((failed - scenario_failed)))"
	echo "  $scenario: $result, $((SECONDS - scenario_start)) s"
}

pass() { passed=$((passed + 1)); }

fail() { # WHAT, and on stdin what there is to say about it
	failed=$((failed + 1))
	echo "failed: $scenario: $1"
	tail -n 25 | sed 's/^/    /'
}

check() { # WHAT COMMAND...: the command's exit status is 0
	local what=$1
	shift
	if "$@" >/tmp/output 2>&1; then
		pass
	else
		fail "$what" </tmp/output
		return 1
	fi
}

nothing() { ! "$@" | grep .; } # COMMAND...: prints nothing

wait_for() { # COMMAND...: until it succeeds; never how long a scenario takes, but when it has failed
	local end=$((SECONDS + 60))
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $end ]; then
			echo "did not come true: $*"
			return 1
		fi
		sleep 0.1
	done
}

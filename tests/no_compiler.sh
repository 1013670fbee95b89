#!/bin/sh
# Stands in for the compilers and the archiver of another system, where Rust's code alone is checked: it makes the empty
# libraries that cargo looks for.
for word in "$@"; do
	case $word in
	-out:*) library=${word#-out:} ;;
	*.a | *.lib) library=$word ;;
	esac
done
[ -z "${library:-}" ] || printf '!<arch>\n' >"$library"

#!/bin/sh
# Looks for the system packages that the build and the tests need; as root on Debian it installs
# those that are missing, else it says which they are.
set -u

missing() {
	sqlite3 --version >/dev/null 2>&1 || printf ' sqlite3'
	g++ --version >/dev/null 2>&1 || printf ' g++'
	nm --version >/dev/null 2>&1 || printf ' binutils'
	python3 --version >/dev/null 2>&1 || printf ' python3'
	python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || printf ' python3-venv'
}

if ! said=$(cargo --version 2>&1); then
	echo "cargo does not run: install Rust with rustup; rust-toolchain.toml names the version. It said:" >&2
	echo "$said" | head -n 2 >&2
	exit 1
fi
packages=$(missing)
if [ -n "$packages" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "installing the missing system packages:$packages"
	# shellcheck disable=SC2086 # a list of words
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends $packages
	packages=$(missing)
fi
if [ -n "$packages" ]; then
	echo "system packages are missing; run: sudo apt-get install$packages" >&2
	exit 1
fi
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
	echo "$(python3 --version) is too old: DuckDB 2.0 for Python needs 3.11 or newer first in PATH" >&2
	exit 1
fi

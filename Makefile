# Each target is one script under deploy/local, which says what it does and what can be set.
.DEFAULT_GOAL := help
.PHONY: help run stop test bench lint fmt deps

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 8

run: ## build and start everything, then walk through it (ONCE=1: stop afterwards)
	@ONCE="$(ONCE)" deploy/local/run

stop: ## stop what `make run` started
	@deploy/local/stop

test: ## everything that CI tests (TESTS=Name,Name: only these targets)
	@TESTS="$(TESTS)" deploy/local/test

bench: ## measure against the goals
	@deploy/local/bench

lint: ## formatting, scripts, Dockerfile, compose file, API documents
	@deploy/local/lint

fmt: ## format the Swift sources
	@deploy/local/fmt

deps: ## install the Debian packages that are needed
	@deploy/local/deps

#!/bin/bash
# First start only: a database and an owner for each service that has replicas. psql reads the password from its file:
# no process list shows it, and no statement that fails is logged.
set -euo pipefail
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres << 'SQL'
\set token_password `cat /run/secrets/postgres_token_service`
\set policy_password `cat /run/secrets/postgres_policy_service`
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE token_service LOGIN PASSWORD :'token_password';
CREATE DATABASE token_service OWNER token_service;
REVOKE ALL ON DATABASE token_service FROM PUBLIC;
CREATE ROLE policy_service LOGIN PASSWORD :'policy_password';
CREATE DATABASE policy_service OWNER policy_service;
REVOKE ALL ON DATABASE policy_service FROM PUBLIC;
SQL

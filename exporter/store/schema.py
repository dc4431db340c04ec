"""The tables of the state."""

TABLES = ("catalogs", "patterns", "views", "runs", "listings")

SCHEMA = """
CREATE TABLE {schema}.catalogs (
  id INTEGER PRIMARY KEY,
  aws_region TEXT NOT NULL,
  catalog_id TEXT NOT NULL,
  UNIQUE (aws_region, catalog_id)
) STRICT;
CREATE TABLE {schema}.patterns (
  id INTEGER PRIMARY KEY,
  catalog INTEGER NOT NULL,
  database TEXT NOT NULL,
  table_name TEXT NOT NULL,
  since REAL NOT NULL,           -- Unix time (Glue's clock) from which the pattern has been watched
  UNIQUE (catalog, database, table_name)
) STRICT;
CREATE TABLE {schema}.views (
  id INTEGER PRIMARY KEY,
  catalog INTEGER NOT NULL,
  database TEXT NOT NULL,
  table_name TEXT NOT NULL,
  creation_time REAL,
  refresh_seconds REAL,
  described INTEGER NOT NULL,    -- 1: the catalog's tables told of it; 0: only its name is known
  misses INTEGER NOT NULL,       -- complete listings of tables in a row that did not hold it
  baseline_at REAL,              -- Unix time of its first complete listing of runs; NULL: still to come
  unwatched_since REAL,          -- Unix time since which no configuration watches it; NULL: watched
  forgotten_failures INTEGER NOT NULL, -- failed runs after a success (or since ever) that are forgotten
  forgotten_after TEXT,          -- run ID of that success; NULL: there was none
  counters TEXT NOT NULL,        -- JSON, see counting.py
  UNIQUE (catalog, database, table_name)
) STRICT;
CREATE TABLE {schema}.runs (
  id INTEGER PRIMARY KEY,
  catalog INTEGER NOT NULL,
  view INTEGER,                  -- NULL: watched by its ID alone
  run_id TEXT NOT NULL,
  database TEXT,
  table_name TEXT,
  status TEXT,
  refresh_type TEXT,
  role TEXT,
  customer_id TEXT,
  error_message TEXT,
  creation_time REAL,
  start_time REAL,
  end_time REAL,
  last_updated REAL,
  dpu_seconds REAL,
  processed_bytes INTEGER,
  ended INTEGER NOT NULL,
  settled INTEGER NOT NULL,
  first_seen_ended REAL,
  misses INTEGER NOT NULL,       -- complete reads in a row that did not find it, unsettled; 2: gone
  unlisted_since REAL,           -- Unix time since which no complete listing holds it; NULL: listed
  counted TEXT                   -- JSON, see counting.py; NULL: not counted yet
) STRICT;
CREATE TABLE {schema}.listings (
  id INTEGER PRIMARY KEY,
  catalog INTEGER NOT NULL,
  target TEXT NOT NULL,
  database TEXT,                 -- the listing's filter; NULL: every database
  table_name TEXT,               -- NULL: every table
  views TEXT NOT NULL,           -- digest of the names of the target's views that it served
  newest REAL,                   -- the newest creation time that it held
  newest_first INTEGER NOT NULL, -- 1: it came newest first, from beginning to end
  page_ends TEXT NOT NULL        -- JSON: the creation time of the last run on each page
) STRICT;
"""
"""The tables, in memory (``main``) and on disk (``disk``)."""

INDEXES = """
CREATE UNIQUE INDEX main.runs_by_id ON runs (run_id, catalog);
CREATE INDEX main.runs_by_age ON runs (view, creation_time) WHERE view IS NOT NULL;
CREATE INDEX main.runs_failed ON runs (view, creation_time) WHERE status = 'FAILED' AND view IS NOT NULL;
CREATE INDEX main.runs_unsettled ON runs (catalog, view) WHERE settled = 0;
CREATE INDEX main.runs_unlisted ON runs (unlisted_since) WHERE unlisted_since IS NOT NULL;
"""
"""Of the large table, in memory alone: nothing searches it on disk. Made when the rows are there, which takes
a fifth of the time, and half the room. IDs come first in theirs: SQLite sorts texts that differ in two thirds
of the time that it takes where only what follows an equal number differs. What few runs were created at the
same moment, it sorts when they are asked for."""

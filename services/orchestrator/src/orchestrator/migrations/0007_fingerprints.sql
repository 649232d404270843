-- What later articles are compared with, beside their names: a column of its own, since whole results are large.

ALTER TABLE jobs.results ADD COLUMN fingerprint text NOT NULL DEFAULT '';

DROP VIEW IF EXISTS events_alias;

DROP VIEW IF EXISTS events_group;

DROP VIEW IF EXISTS events_screen;

DROP VIEW IF EXISTS events_page;

DROP VIEW IF EXISTS events_identify;

DROP VIEW IF EXISTS events_track;

DROP TABLE IF EXISTS events SYNC;

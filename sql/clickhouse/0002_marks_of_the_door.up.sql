-- What the door adds to an event: what was odd about it (codes with commas between them), where its address lies, and
-- whether a robot sent it.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS warnings LowCardinality(String) AFTER received_at,
    ADD COLUMN IF NOT EXISTS `context.geo_country` LowCardinality(String) AFTER `context.app_version`,
    ADD COLUMN IF NOT EXISTS `context.geo_region` LowCardinality(String) AFTER `context.geo_country`,
    ADD COLUMN IF NOT EXISTS `context.geo_city` LowCardinality(String) AFTER `context.geo_region`,
    ADD COLUMN IF NOT EXISTS `context.is_bot` LowCardinality(String) AFTER `context.geo_city`;

CREATE OR REPLACE VIEW events_track AS SELECT * FROM events WHERE type = 'track';

CREATE OR REPLACE VIEW events_identify AS SELECT * FROM events WHERE type = 'identify';

CREATE OR REPLACE VIEW events_page AS SELECT * FROM events WHERE type = 'page';

CREATE OR REPLACE VIEW events_screen AS SELECT * FROM events WHERE type = 'screen';

CREATE OR REPLACE VIEW events_group AS SELECT * FROM events WHERE type = 'group';

CREATE OR REPLACE VIEW events_alias AS SELECT * FROM events WHERE type = 'alias';

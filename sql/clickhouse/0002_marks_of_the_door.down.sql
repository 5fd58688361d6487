ALTER TABLE events
    DROP COLUMN IF EXISTS warnings,
    DROP COLUMN IF EXISTS `context.geo_country`,
    DROP COLUMN IF EXISTS `context.geo_region`,
    DROP COLUMN IF EXISTS `context.geo_city`,
    DROP COLUMN IF EXISTS `context.is_bot`;

CREATE OR REPLACE VIEW events_track AS SELECT * FROM events WHERE type = 'track';

CREATE OR REPLACE VIEW events_identify AS SELECT * FROM events WHERE type = 'identify';

CREATE OR REPLACE VIEW events_page AS SELECT * FROM events WHERE type = 'page';

CREATE OR REPLACE VIEW events_screen AS SELECT * FROM events WHERE type = 'screen';

CREATE OR REPLACE VIEW events_group AS SELECT * FROM events WHERE type = 'group';

CREATE OR REPLACE VIEW events_alias AS SELECT * FROM events WHERE type = 'alias';

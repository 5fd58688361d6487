-- Which events of one workspace happened in a time window, newest or oldest first? Each event is stored once: no FINAL.
-- Reads the table and not its views: through a view the engine reads a whole JSON column for one path of it.
SELECT
    workspace_id, source_id, message_id, type, event, user_id, anonymous_id, group_id, previous_id, name, category,
    timestamp, original_timestamp, sent_at, received_at, warnings,
    `context.ip`, `context.user_agent`, `context.locale`, `context.timezone`,
    `context.library_name`, `context.library_version`,
    `context.page_url`, `context.page_path`, `context.page_referrer`, `context.page_search`, `context.page_title`,
    `context.campaign_name`, `context.campaign_source`, `context.campaign_medium`,
    `context.campaign_term`, `context.campaign_content`,
    `context.device_type`, `context.os_name`, `context.os_version`, `context.app_version`,
    `context.geo_country`, `context.geo_region`, `context.geo_city`, `context.is_bot`,
    properties, traits, context
FROM events
WHERE workspace_id = {workspace_id: UUID}
  AND timestamp >= fromUnixTimestamp64Milli({from: Int64}, 'UTC')
  AND timestamp < fromUnixTimestamp64Milli({to: Int64}, 'UTC')
  /* [type] */
  /* [filters] */
  /* [after] */
ORDER BY timestamp /* [order] */, message_id /* [order] */
LIMIT {limit: UInt32}

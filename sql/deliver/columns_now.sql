-- Which columns does the table of events have now? A migration may have changed them since the writer started.
SELECT name
FROM system.columns
WHERE database = currentDatabase() AND table = 'events'

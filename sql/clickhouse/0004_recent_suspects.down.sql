DROP TABLE IF EXISTS recent_suspects SYNC;

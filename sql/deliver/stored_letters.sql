-- Which of these dead letters are stored? They may be of many workspaces, and of none.
SELECT DISTINCT id
FROM dead_letters
WHERE id IN {ids: Array(String)}

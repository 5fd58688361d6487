-- Why were events refused in the last hour?
SELECT stage, code, uniqExact(id) AS letters, max(rejected_at) AS newest
FROM dead_letters
WHERE rejected_at > now64() - INTERVAL 1 HOUR
GROUP BY stage, code
ORDER BY letters DESC, stage, code

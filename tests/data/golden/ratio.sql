SELECT
  strftime("ledger"."posted", '%Y-%m') AS "month",
  CASE WHEN sum("ledger"."amount") FILTER (WHERE "ledger"."dept" = 'Finance') > 0 THEN sum("ledger"."amount") FILTER (WHERE "ledger"."dept" = 'Sales') / sum("ledger"."amount") FILTER (WHERE "ledger"."dept" = 'Finance') END AS "part",
  CASE WHEN (0 - sum("ledger"."amount") FILTER (WHERE "ledger"."dept" = 'Sales')) > 0 THEN sum("ledger"."amount") FILTER (WHERE "ledger"."dept" = 'Finance') / (0 - sum("ledger"."amount") FILTER (WHERE "ledger"."dept" = 'Sales')) END AS "below"
FROM "ledger"
GROUP BY 1
ORDER BY "month" ASC NULLS LAST
LIMIT 200

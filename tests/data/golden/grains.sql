SELECT
  CAST("ledger"."posted" AS DATE) AS "day",
  CAST(date_trunc('week', "ledger"."posted") AS DATE) AS "week",
  strftime("ledger"."posted", '%Y-%m') AS "month",
  year("ledger"."posted") || '-Q' || quarter("ledger"."posted") AS "quarter",
  year("ledger"."posted") AS "year",
  count(*) AS "rows"
FROM "ledger"
GROUP BY 1, 2, 3, 4, 5
ORDER BY "day" ASC NULLS LAST, "week" ASC NULLS LAST, "month" ASC NULLS LAST, "quarter" ASC NULLS LAST, "year" ASC NULLS LAST
LIMIT 200

WITH _grouped AS (
  SELECT
    strftime("ledger"."posted", '%Y-%m') AS "month",
    sum("ledger"."amount") AS "total"
  FROM "ledger"
  WHERE "ledger"."posted" BETWEEN DATE '2024-03-01' AND DATE '2024-03-31'
  GROUP BY 1
)
SELECT
  "month",
  "total",
  CASE WHEN sum("total") OVER () > 0 THEN "total" / sum("total") OVER () END AS "share"
FROM _grouped
ORDER BY "month" ASC NULLS LAST
LIMIT 200

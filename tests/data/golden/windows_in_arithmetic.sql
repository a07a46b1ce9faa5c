WITH _grouped AS (
  SELECT
    strftime("ledger"."posted", '%Y-%m') AS "month",
    count(*) AS "count"
  FROM "ledger"
  GROUP BY 1
)
SELECT
  "month",
  (sum("count") OVER ("along_month" ROWS UNBOUNDED PRECEDING)) * 10 AS "x"
FROM _grouped
WINDOW "along_month" AS (ORDER BY "month")
ORDER BY "month" ASC NULLS LAST
LIMIT 200

WITH _grouped AS (
  SELECT
    strftime("ledger"."posted", '%Y-%m') AS "month",
    sum("ledger"."amount") AS "total"
  FROM "ledger"
  GROUP BY 1
)
SELECT
  "month",
  "total",
  sum("total") OVER ("along_month" ROWS UNBOUNDED PRECEDING) AS "so_far"
FROM _grouped
WINDOW "along_month" AS (ORDER BY "month")
ORDER BY "month" ASC NULLS LAST
LIMIT 200

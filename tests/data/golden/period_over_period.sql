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
  lag("total") OVER "along_month" AS "before",
  "total" - lag("total") OVER "along_month" AS "change",
  CASE WHEN lag("total") OVER "along_month" > 0 THEN ("total" - lag("total") OVER "along_month") / lag("total") OVER "along_month" END AS "part"
FROM _grouped
WINDOW "along_month" AS (ORDER BY "month")
ORDER BY "month" ASC NULLS LAST
LIMIT 200

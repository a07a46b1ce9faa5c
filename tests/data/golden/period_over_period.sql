WITH _grouped AS (
  SELECT
    strftime("ledger"."posted", '%Y-%m') AS "month",
    sum("ledger"."amount") AS "total",
    min(12 * year("ledger"."posted") + month("ledger"."posted")) AS "month_number"
  FROM "ledger"
  GROUP BY 1
)
SELECT
  "month",
  "total",
  CASE WHEN lag("month_number") OVER "along_month" = "month_number" - 1 THEN lag("total") OVER "along_month" END AS "before",
  CASE WHEN lag("month_number") OVER "along_month" = "month_number" - 1 THEN "total" - lag("total") OVER "along_month" END AS "change",
  CASE WHEN lag("month_number") OVER "along_month" = "month_number" - 1 AND lag("total") OVER "along_month" > 0 THEN ("total" - lag("total") OVER "along_month") / lag("total") OVER "along_month" END AS "part"
FROM _grouped
WINDOW "along_month" AS (ORDER BY "month")
ORDER BY "month" ASC NULLS LAST
LIMIT 200

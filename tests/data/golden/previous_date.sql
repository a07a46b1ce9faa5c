WITH _grouped AS (
  SELECT
    strftime("ledger"."posted", '%Y-%m') AS "month",
    max("ledger"."posted") AS "max_posted",
    min(12 * year("ledger"."posted") + month("ledger"."posted")) AS "month_number"
  FROM "ledger"
  GROUP BY 1
)
SELECT
  "month",
  CASE WHEN lag("month_number") OVER "along_month" = "month_number" - 1 THEN lag("max_posted") OVER "along_month" END AS "last"
FROM _grouped
WINDOW "along_month" AS (ORDER BY "month")
ORDER BY "month" ASC NULLS LAST
LIMIT 200

WITH _grouped AS (
  SELECT
    "ledger"."dept" AS "dept",
    strftime("ledger"."posted", '%Y-%m') AS "month",
    count(*) AS "count",
    min(12 * year("ledger"."posted") + month("ledger"."posted")) AS "month_number"
  FROM "ledger"
  WHERE "ledger"."dept" IS NOT NULL
  GROUP BY 1, 2
)
SELECT
  "dept",
  "month",
  CASE WHEN lag("month_number") OVER "along_month" = "month_number" - 1 THEN lag("count") OVER "along_month" END AS "before",
  lag("count") OVER "along_dept" AS "beside"
FROM _grouped
WINDOW "along_month" AS (PARTITION BY "dept" ORDER BY "month"), "along_dept" AS (PARTITION BY "month" ORDER BY "dept")
ORDER BY "dept" ASC NULLS LAST, "month" ASC NULLS LAST
LIMIT 200

WITH _grouped AS (
  SELECT
    strftime("books"."posted", '%Y-%m') AS "month",
    CASE WHEN "units"."unit_key" IN (1) THEN 'Group' WHEN "units"."unit_key" IN (2) THEN 'North' WHEN "units"."unit_key" IN (3, 4) THEN 'South' END AS "unit",
    sum("books"."amount") AS "total"
  FROM "books"
  JOIN "chart" ON "books"."account_key" = "chart"."account_key"
  JOIN "units" ON "books"."unit_key" = "units"."unit_key"
  JOIN "versions" ON "books"."version_key" = "versions"."version_key"
  WHERE "versions"."version" = 'Actual'
    AND "chart"."account" = 'Wages'
    AND "units"."unit_key" IN (1, 2, 3, 4)
  GROUP BY 1, 2
)
SELECT
  "month",
  "unit",
  "total",
  CASE WHEN sum("total") OVER () > 0 THEN "total" / sum("total") OVER () END AS "share"
FROM _grouped
ORDER BY "month" ASC NULLS LAST, "unit" ASC NULLS LAST
LIMIT 200

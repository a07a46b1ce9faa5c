SELECT
  CASE WHEN "units"."unit_key" IN (1) THEN 'Group' WHEN "units"."unit_key" IN (2) THEN 'North' WHEN "units"."unit_key" IN (3, 4) THEN 'South' END AS "unit",
  sum(CASE WHEN "chart"."account_key" IN (3, 4, 11) THEN -("books"."amount") ELSE "books"."amount" END) AS "total"
FROM "books"
JOIN "chart" ON "books"."account_key" = "chart"."account_key"
JOIN "units" ON "books"."unit_key" = "units"."unit_key"
JOIN "versions" ON "books"."version_key" = "versions"."version_key"
WHERE "versions"."version" = 'Actual'
  AND "chart"."account_key" IN (1, 2, 10, 3, 4, 5, 11)
  AND "units"."unit_key" IN (1, 2, 3, 4)
GROUP BY 1
ORDER BY "unit" ASC NULLS LAST
LIMIT 200

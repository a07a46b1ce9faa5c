SELECT
  "sales"."sale_id" AS "sale_id",
  "rates"."rate" AS "rate",
  sum("sales"."amount") AS "x"
FROM "sales"
JOIN "months" ON "sales"."day" = "months"."day"
JOIN "rates" ON "sales"."currency" = "rates"."code" AND "months"."month" = "rates"."month"
WHERE "rates"."kind" = 'avg'
GROUP BY 1, 2
ORDER BY "sale_id" ASC NULLS LAST, "rate" ASC NULLS LAST
LIMIT 200

SELECT
  "bands"."band" AS "band",
  sum("sales"."amount") AS "x"
FROM "bands"
JOIN "sales" ON ("bands"."low" IS NULL OR "sales"."amount" >= "bands"."low") AND ("bands"."high" IS NULL OR "sales"."amount" <= "bands"."high")
GROUP BY 1
ORDER BY "band" ASC NULLS LAST
LIMIT 200

import type { JsonObject } from "../../../functions/event/event.ts";
import { COUPONS, CURRENCY, type Product, productFields } from "./catalogue.ts";
import { chance, pick, type Random, uuid } from "./random.ts";

export type Line = { product: Product; quantity: number };
export type Cart = { id: string; lines: Line[] };
export type Order = { orderId: string; lines: Line[]; total: number; fields: JsonObject };

/** The order that a cart becomes: money in euros, two decimals, fields of Segment's e-commerce specification. */
export function orderOf(random: Random, cart: Cart): Order {
  const orderId = `R-${uuid(random).slice(0, 8).toUpperCase()}`;
  const subtotal = worthOf(cart.lines);
  const coupon = chance(random, 0.18) ? pick(random, COUPONS) : undefined;
  const discount = coupon && coupon !== "FREESHIP" ? money(subtotal * (coupon === "SPRING15" ? 0.15 : 0.1)) : 0;
  const shipping = subtotal >= 50 || coupon === "FREESHIP" ? 0 : 4.9;
  const revenue = money(subtotal - discount);
  const total = money(revenue + shipping);
  const fields: JsonObject = {
    order_id: orderId,
    checkout_id: cart.id,
    affiliation: "Mill Lane Online",
    subtotal,
    total,
    revenue,
    shipping,
    tax: money(total - total / 1.19),
    discount,
    ...(coupon && { coupon }),
    currency: CURRENCY,
    products: linesOf(cart.lines),
  };
  return { orderId, lines: cart.lines, total, fields };
}

export const worthOf = (lines: readonly Line[]): number =>
  money(lines.reduce((sum, { product, quantity }) => sum + product.price * quantity, 0));

/** The list that Cart Viewed, Checkout Started and the order events carry. */
export const linesOf = (lines: readonly Line[]): JsonObject[] =>
  lines.map(({ product, quantity }, at) => ({ ...productFields(product), quantity, position: at + 1 }));

const money = (euros: number) => Math.round(euros * 100) / 100;

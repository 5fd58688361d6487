import { someArrival } from "./campaigns.ts";
import { type Cart, linesOf, type Order, orderOf, worthOf } from "./cart.ts";
import { CURRENCY, type Product, productFields, productPath, SHOP_URL, someList } from "./catalogue.ts";
import type { Device } from "./devices.ts";
import type { Visitor } from "./people.ts";
import { chance, pick, type Random, uuid, whole } from "./random.ts";
import { createSurface, recordByServer, type Surface } from "./surface.ts";
import { createTape, type Planned, pause, type Tape } from "./tape.ts";

/** How far down the funnel a visit goes; each step includes those before it. */
export const FUNNEL = [
  "Product List Viewed",
  "Product Viewed",
  "Product Added",
  "Checkout Started",
  "Order Completed",
] as const;
/** How likely the next step of the funnel is: for somebody new, and for a customer who has signed in. */
const GOES_ON = { visitor: [0.66, 0.64, 0.34, 0.48, 0.58], customer: [0.82, 0.74, 0.46, 0.62, 0.76] };

/** An order, and the device whose ids the server knows it by. */
export type Placed = { order: Order; device: Device };
export type Visit = { planned: Planned[]; depth: number; placed: Placed | undefined };

/**
 * One visit of the shop, `startedAt` only for what a visitor says of the time. Changes the visitor: it may sign up, sign
 * in on another device, or order. Shorter than 40 minutes; its calls lie in order, at least 60 ms apart.
 */
export function playVisit(visitor: Visitor, startedAt: number): Visit {
  const tape = createTape(visitor.random);
  if (visitor.kind === "bot") return crawl(tape, visitor);
  const { random } = visitor;
  const [first, second] = visitor.devices;
  const device = second && chance(random, 0.4) ? second : (first as Device);
  const surface = createSurface(tape, visitor, device, someArrival(random));
  const depth = depthOf(visitor, device);

  open(tape, surface, device);
  if (visitor.signedUpAt && !device.signedIn && chance(random, 0.8)) signIn(tape, surface, visitor);
  if (depth === 0) pause(tape, 8);
  const seen = depth >= 1 ? browse(tape, surface, depth) : [];
  const cart: Cart = { id: uuid(random), lines: [] };
  if (depth >= 3) fill(tape, surface, cart, seen);
  if (!visitor.signedUpAt && chance(random, visitor.eager ? 1 : ([0, 0.02, 0.03, 0.3, 0.45, 0.6][depth] ?? 0)))
    signUp(tape, surface, visitor, startedAt);
  const order = depth >= 4 ? checkOut(tape, surface, visitor, device, cart, depth === 5) : undefined;
  device.visits++;
  return { planned: tape.planned, depth, placed: order && { order, device } };
}

/** What the shop's server says of an order that came back. */
export function playRefund(visitor: Visitor, { order, device }: Placed): Planned[] {
  const tape = createTape(visitor.random);
  const fields = { order_id: order.orderId, total: order.total, currency: CURRENCY, products: linesOf(order.lines) };
  recordByServer(tape, visitor, device, "Order Refunded", fields);
  return tape.planned;
}

function depthOf({ random, eager, orders }: Visitor, device: Device): number {
  if (eager && orders === 0) return FUNNEL.length;
  const steps = device.signedIn ? GOES_ON.customer : GOES_ON.visitor;
  const stop = steps.findIndex((probability) => !chance(random, probability));
  return stop === -1 ? steps.length : stop;
}

const HOME = { name: "Home", path: "/", title: "Mill Lane · coffee and tea" };

function open(tape: Tape, surface: Surface, device: Device): void {
  if (device.source === "app") {
    const { version, build } = device.context.app as { version: string; build: string };
    if (device.visits === 0) surface.track("Application Installed", { version, build });
    surface.track("Application Opened", {
      version,
      build,
      from_background: device.visits > 0 && chance(tape.random, 0.5),
    });
  }
  surface.show(HOME);
}

function signIn(tape: Tape, surface: Surface, visitor: Visitor): void {
  pause(tape, 12);
  surface.identify({ ...visitor.customer.traits, createdAt: visitor.signedUpAt ?? "" });
  surface.track("Signed In", { method: pick(tape.random, ["password", "link", "google"], 1.5) });
}

function signUp(tape: Tape, surface: Surface, visitor: Visitor, startedAt: number): void {
  const { traits, company } = visitor.customer;
  pause(tape, 5);
  surface.show({ name: "Sign Up", path: "/sign-up", title: "Open an account" });
  pause(tape, 35);
  visitor.signedUpAt = new Date(startedAt).toISOString();
  surface.identify({ ...traits, createdAt: visitor.signedUpAt });
  surface.alias();
  surface.track("Signed Up", {
    method: pick(tape.random, ["password", "google", "apple"], 1.5),
    plan: traits.plan ?? "free",
  });
  if (company) surface.group(company.groupId, company.traits);
}

/** Lists, and from depth 2 some of their products. Gives back the products that were opened. */
function browse(tape: Tape, surface: Surface, depth: number): Product[] {
  const { random } = tape;
  const seen: Product[] = [];
  for (let lists = whole(random, 1, 2); lists > 0; lists--) {
    const list = someList(random);
    pause(tape, 14);
    if (chance(random, 0.15)) {
      surface.track("Products Searched", { query: pick(random, ["grinder", "decaf", "green tea", "gift", "v60"]) });
      pause(tape, 4);
    }
    surface.show({ name: "Category", path: `/c/${list.id}`, title: `${list.name} · Mill Lane` });
    const products = list.products.map((product, at) => ({ ...productFields(product), position: at + 1 }));
    surface.track("Product List Viewed", { list_id: list.id, category: list.name, products });
    for (let views = depth >= 2 ? whole(random, 1, 3) : 0; views > 0; views--) {
      const product = pick(random, list.products, 1.5);
      pause(tape, 18);
      surface.show({ name: "Product", path: productPath(product), title: `${product.name} · Mill Lane` });
      surface.track("Product Viewed", {
        ...productFields(product),
        currency: CURRENCY,
        url: `${SHOP_URL}${productPath(product)}`,
      });
      seen.push(product);
    }
  }
  return seen;
}

function fill(tape: Tape, surface: Surface, cart: Cart, seen: readonly Product[]): void {
  const { random } = tape;
  for (let adds = whole(random, 1, 2); adds > 0; adds--) {
    const line = { product: pick(random, seen), quantity: quantityOf(random) };
    pause(tape, 10);
    surface.track("Product Added", {
      cart_id: cart.id,
      ...productFields(line.product),
      quantity: line.quantity,
      currency: CURRENCY,
    });
    cart.lines.push(line);
  }
  pause(tape, 12);
  surface.show({ name: "Cart", path: "/cart", title: "Your cart" });
  surface.track("Cart Viewed", { cart_id: cart.id, products: linesOf(cart.lines) });
  if (cart.lines.length > 1 && chance(random, 0.2)) {
    const [removed] = cart.lines.splice(0, 1);
    pause(tape, 8);
    if (removed)
      surface.track("Product Removed", {
        cart_id: cart.id,
        ...productFields(removed.product),
        quantity: removed.quantity,
      });
  }
}

const quantityOf = (random: Random) => (chance(random, 0.8) ? 1 : whole(random, 2, 3));

/** From the cart to the payment; the order itself is told by the server, which is the one that knows. */
function checkOut(
  tape: Tape,
  surface: Surface,
  visitor: Visitor,
  device: Device,
  cart: Cart,
  pays: boolean,
): Order | undefined {
  const checkout = { checkout_id: cart.id, currency: CURRENCY };
  pause(tape, 10);
  surface.show({ name: "Checkout", path: "/checkout", title: "Checkout" });
  surface.track("Checkout Started", { ...checkout, value: worthOf(cart.lines), products: linesOf(cart.lines) });
  pause(tape, 40);
  surface.track("Checkout Step Completed", {
    checkout_id: cart.id,
    step: 1,
    shipping_method: pick(tape.random, ["parcel", "express"], 2),
  });
  if (!pays) return undefined;
  pause(tape, 30);
  surface.track("Payment Info Entered", {
    ...checkout,
    step: 2,
    payment_method: pick(tape.random, ["card", "paypal", "invoice"], 1.4),
  });
  pause(tape, 3);
  const order = orderOf(tape.random, cart);
  recordByServer(tape, visitor, device, "Order Completed", order.fields);
  pause(tape, 2);
  surface.show({ name: "Thank You", path: "/checkout/thank-you", title: "Thank you" });
  visitor.orders++;
  return order;
}

/** A crawler takes one page after the other and clicks nothing. */
function crawl(tape: Tape, visitor: Visitor): Visit {
  const surface = createSurface(tape, visitor, visitor.devices[0] as Device, { referrer: "", campaign: undefined });
  surface.show(HOME);
  for (let pages = whole(tape.random, 3, 25); pages > 0; pages--) {
    const product = pick(tape.random, someList(tape.random).products);
    tape.offsetMs += whole(tape.random, 300, 2_000);
    surface.show({ name: "Product", path: productPath(product), title: `${product.name} · Mill Lane` });
  }
  return { planned: tape.planned, depth: 0, placed: undefined };
}

import { pick, type Random, whole } from "./random.ts";

export const SHOP_URL = "https://shop.example";
export const CURRENCY = "EUR";

export type Product = { sku: string; name: string; brand: string; variant: string; price: number; category: string };
export type Category = { id: string; name: string; products: readonly Product[] };

type Row = [sku: string, name: string, brand: string, variant: string, price: number];
const category = (id: string, name: string, rows: readonly Row[]): Category => ({
  id,
  name,
  products: rows.map(([sku, product, brand, variant, price]) => ({
    sku,
    name: product,
    brand,
    variant,
    price,
    category: name,
  })),
});

/** What the shop sells, what sells best first. */
export const CATEGORIES: readonly Category[] = [
  category("coffee", "Coffee", [
    ["CF-101", "House Espresso", "Mill Lane", "1 kg", 24.9],
    ["CF-102", "Ethiopia Guji", "Mill Lane", "250 g", 11.5],
    ["CF-103", "Colombia Huila", "Mill Lane", "250 g", 10.9],
    ["CF-104", "Swiss Water Decaf", "Mill Lane", "250 g", 11.9],
    ["CF-105", "Kenya Nyeri", "Kestrel", "250 g", 13.5],
    ["CF-106", "Cold Brew Blend", "Kestrel", "500 g", 17.9],
  ]),
  category("tea", "Tea", [
    ["TE-201", "Breakfast Assam", "Reed & Co", "100 g", 7.5],
    ["TE-202", "Earl Grey", "Reed & Co", "100 g", 7.9],
    ["TE-203", "Sencha", "Reed & Co", "80 g", 9.9],
    ["TE-204", "Rooibos Orange", "Reed & Co", "100 g", 6.9],
    ["TE-205", "Darjeeling First Flush", "Hillside", "50 g", 14.5],
    ["TE-206", "Peppermint", "Hillside", "60 g", 5.9],
  ]),
  category("brewers", "Brewers", [
    ["BR-301", "Pour-Over Cone", "Forma", "size 2", 22],
    ["BR-302", "French Press", "Forma", "1 l", 39],
    ["BR-303", "Moka Pot", "Forma", "6 cups", 34.5],
    ["BR-304", "Gooseneck Kettle", "Northlight", "1 l", 89],
    ["BR-305", "Espresso Machine", "Northlight", "steel", 549],
    ["BR-306", "Glass Teapot", "Hillside", "0.8 l", 29.9],
  ]),
  category("grinders", "Grinders", [
    ["GR-401", "Hand Grinder", "Northlight", "steel", 69],
    ["GR-402", "Hand Grinder Travel", "Northlight", "black", 54],
    ["GR-403", "Electric Grinder", "Northlight", "40 mm", 179],
    ["GR-404", "Electric Grinder Pro", "Northlight", "64 mm", 399],
  ]),
  category("mugs", "Mugs", [
    ["MG-501", "Stoneware Mug", "Clayfield", "sand", 16.5],
    ["MG-502", "Espresso Cups, 2", "Clayfield", "white", 19.9],
    ["MG-503", "Travel Mug", "Forma", "350 ml", 27],
    ["MG-504", "Tea Bowl", "Clayfield", "moss", 18],
  ]),
  category("gifts", "Gifts", [
    ["GF-601", "Tasting Box Coffee", "Mill Lane", "5 × 80 g", 26],
    ["GF-602", "Tasting Box Tea", "Reed & Co", "8 × 20 g", 22],
    ["GF-603", "Gift Card", "Mill Lane", "digital", 50],
    ["GF-604", "Beginner's Set", "Forma", "4 pieces", 74],
  ]),
];

export const COUPONS = ["WELCOME10", "SPRING15", "FREESHIP"] as const;

/** A category, and up to six of its products as a list page shows them. */
export const someList = (random: Random): Category => {
  const found = pick(random, CATEGORIES, 1.4);
  return { ...found, products: found.products.slice(0, whole(random, 4, 6)) };
};

/** A product as events name it: the fields of Segment's e-commerce specification. */
export const productFields = ({ sku, name, brand, variant, price, category }: Product) => ({
  product_id: sku.toLowerCase(),
  sku,
  category,
  name,
  brand,
  variant,
  price,
});

export const productPath = ({ sku }: Product): string => `/products/${sku.toLowerCase()}`;

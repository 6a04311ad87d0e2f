/** The articles of the shop in which test orders are placed. */

export interface Article {
  readonly sku: string;
  /** In euro cents. */
  readonly price: number;
  readonly requiresShipping: boolean;
  /** How often it is bought, relative to an ordinary article. */
  readonly popularity: number;
  /** Pieces in stock before the first order. */
  readonly stock: number;
}

/** More than any test run sells. */
const PLENTY = 1_000_000;

/** Scarce enough that about two in a hundred of a thousand orders are backordered. */
const scarce: readonly Article[] = [
  { sku: 'LAMP-NO-7', price: 18_900, requiresShipping: true, popularity: 0.4, stock: 16 },
  { sku: 'LP-FIRST-PRESS', price: 6_400, requiresShipping: true, popularity: 0.5, stock: 1 },
];

const shipped: readonly Article[] = Object.entries({
  'BAG-TOTE': 1_490,
  'BAG-WEEKENDER': 11_900,
  'BLANKET-WOOL': 8_900,
  'BOOK-ATLAS': 4_900,
  'BOOK-BREAD': 2_800,
  'BOWL-OAK': 3_200,
  'CANDLE-PINE': 1_250,
  'CHAIR-FOLD': 7_450,
  'CLOCK-WALL': 3_990,
  'COFFEE-1KG': 2_195,
  'COFFEE-250G': 695,
  'CUP-BLUE': 1_100,
  'CUP-WHITE': 1_100,
  'DESK-BIRCH': 34_900,
  'GLOVES-M': 2_450,
  'KETTLE-1.7L': 4_995,
  'KNIFE-CHEF': 8_750,
  'NOTEBOOK-A5': 890,
  'PAN-28CM': 5_600,
  'PEN-BLACK': 250,
  'POSTER-A2': 1_900,
  'SCARF-GREY': 2_990,
  'SHELF-OAK': 15_900,
  'SOCKS-3': 1_290,
  'TEAPOT-GLASS': 3_350,
  'TOWEL-BATH': 2_190,
  'UMBRELLA-XL': 2_750,
  'VASE-CLAY': 4_250,
}).map(([sku, price]) => ({ sku, price, requiresShipping: true, popularity: 1, stock: PLENTY }));

const digital: readonly Article[] = Object.entries({
  'AUDIO-GUIDE': 590,
  'COURSE-BREAD': 4_900,
  'COURSE-PHOTO': 7_900,
  'EBOOK-ATLAS': 1_990,
  'EBOOK-BREAD': 1_490,
  'FREE-SAMPLE': 0,
  'GIFT-CARD-25': 2_500,
  'GIFT-CARD-50': 5_000,
  'MAGAZINE-11': 650,
  'SUPPORT-1Y': 2_900,
}).map(([sku, price]) => ({ sku, price, requiresShipping: false, popularity: 1, stock: PLENTY }));

export const catalogue: readonly Article[] = [...scarce, ...shipped, ...digital];

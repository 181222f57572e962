/** JSON as the wire has it: integers are exact (bigint where a number cannot hold them). */

export type Json = null | boolean | number | bigint | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

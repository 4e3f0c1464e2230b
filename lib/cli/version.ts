/** The version of this program. The build replaces the constants of a release. */

export const VERSION = "0.1.0";

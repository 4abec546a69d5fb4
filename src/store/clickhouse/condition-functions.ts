/**
 * What a condition for erasing may call, in lower case. All give the same at any time: an erasure that a crash cut short
 * is done again with the same text. Operators are functions here.
 */
export const CONDITION_FUNCTIONS: ReadonlySet<string> = new Set([
  // The check's own wrapping
  "tobool",
  // Logic and comparison
  ..."and or not xor if multiif coalesce ifnull nullif isnull isnotnull".split(" "),
  ..."equals notequals less greater lessorequals greaterorequals between in notin".split(" "),
  ..."like notlike ilike notilike match startswith endswith".split(" "),
  // Arithmetic
  ..."plus minus multiply divide intdiv modulo negate abs round floor ceil".split(" "),
  // Text
  ..."lower upper lowerutf8 upperutf8 length lengthutf8 empty notempty concat substring".split(" "),
  ..."position positioncaseinsensitive trim trimleft trimright trimboth".split(" "),
  // Lists, maps and tuples
  ..."array tuple has hasany hasall arrayelement tupleelement mapcontains mapkeys mapvalues map".split(" "),
  // Times; none of now or today
  ..."todate todatetime todatetime64 todate32 toyear tomonth todayofmonth todayofweek tohour tominute".split(
    " ",
  ),
  ..."toyyyymm toyyyymmdd tostartofday tostartofmonth tostartofyear tostartofhour".split(" "),
  ..."tointervalsecond tointervalminute tointervalhour tointervalday tointervalweek tointervalmonth tointervalyear".split(
    " ",
  ),
  // Types that only change how a value is read
  ..."tostring touuid tofloat64 toint8 toint16 toint32 toint64 touint8 touint16 touint32 touint64".split(" "),
]);

"""The buyers' world: places, names and the shares by which they shop.

Sources of the figures:
- lines of an order, and the states of the buyers: an Indian apparel seller's marketplace reports, April to June 2022
  (5,390 and 29,000 orders);
- units of a line, hours of the day: Olist, Brazilian marketplace orders of 2016 to 2018 (99,441 orders);
- popularity of a SKU: a Zipf law with exponent 0.6 fits the first thousand SKUs of both (0.61 to 0.63);
- PIN codes: India Post's directory of delivering post offices.
The share of cash on delivery is an assumption for Indian direct sellers.
"""

from __future__ import annotations

#: Number of lines of an order, and its share.
LINES_PER_ORDER = {1: 0.94991, 2: 0.04137, 3: 0.00557, 4: 0.00204, 5: 0.00074, 6: 0.00019}
#: Units of a line, and their share.
UNITS_PER_LINE = {1: 0.9308, 2: 0.05255, 3: 0.0093, 4: 0.00381, 5: 0.00164, 6: 0.00168}
ZIPF_EXPONENT = 0.6
#: Share of a day's orders in each hour of local time, midnight first.
HOUR_SHARES = (
    0.0241, 0.0118, 0.0051, 0.0027, 0.0021, 0.0019, 0.0050, 0.0124, 0.0298, 0.0481, 0.0621, 0.0661,
    0.0603, 0.0655, 0.0661, 0.0649, 0.0671, 0.0618, 0.0580, 0.0602, 0.0623, 0.0625, 0.0585, 0.0415,
)  # fmt: skip
TIME_ZONE = "Asia/Kolkata"

#: Share of the buyers in a state by WooCommerce's code. States not named share the rest equally.
STATE_SHARES = {
    "MH": 0.1646, "KA": 0.1248, "UP": 0.0868, "TN": 0.0854, "TS": 0.0846, "KL": 0.0578, "DL": 0.0510, "AP": 0.0438,
}  # fmt: skip

#: PIN code, city, state code.
PLACES = (
    ("110001", "New Delhi", "DL"), ("110016", "New Delhi", "DL"), ("110059", "New Delhi", "DL"),
    ("110085", "New Delhi", "DL"), ("121001", "Faridabad", "HR"), ("122001", "Gurugram", "HR"),
    ("141001", "Ludhiana", "PB"), ("143001", "Amritsar", "PB"), ("160017", "Chandigarh", "CH"),
    ("171001", "Shimla", "HP"), ("180001", "Jammu", "JK"), ("201010", "Ghaziabad", "UP"),
    ("201301", "Noida", "UP"), ("208001", "Kanpur", "UP"), ("221001", "Varanasi", "UP"),
    ("226001", "Lucknow", "UP"), ("282001", "Agra", "UP"), ("248001", "Dehradun", "UK"),
    ("302001", "Jaipur", "RJ"), ("302017", "Jaipur", "RJ"), ("342001", "Jodhpur", "RJ"),
    ("380001", "Ahmedabad", "GJ"), ("380015", "Ahmedabad", "GJ"), ("390001", "Vadodara", "GJ"),
    ("395003", "Surat", "GJ"), ("400001", "Mumbai", "MH"), ("400053", "Mumbai", "MH"),
    ("400076", "Mumbai", "MH"), ("400601", "Thane", "MH"), ("411001", "Pune", "MH"),
    ("411014", "Pune", "MH"), ("411038", "Pune", "MH"), ("422001", "Nashik", "MH"),
    ("440001", "Nagpur", "MH"), ("403001", "Panaji", "GA"), ("452001", "Indore", "MP"),
    ("462001", "Bhopal", "MP"), ("492001", "Raipur", "CT"), ("500001", "Hyderabad", "TS"),
    ("500032", "Hyderabad", "TS"), ("500081", "Hyderabad", "TS"), ("506002", "Warangal", "TS"),
    ("517501", "Tirupati", "AP"), ("520001", "Vijayawada", "AP"), ("530001", "Visakhapatnam", "AP"),
    ("560001", "Bengaluru", "KA"), ("560034", "Bengaluru", "KA"), ("560066", "Bengaluru", "KA"),
    ("560100", "Bengaluru", "KA"), ("570001", "Mysuru", "KA"), ("580020", "Hubballi", "KA"),
    ("600001", "Chennai", "TN"), ("600020", "Chennai", "TN"), ("600096", "Chennai", "TN"),
    ("620001", "Tiruchirappalli", "TN"), ("625001", "Madurai", "TN"), ("641001", "Coimbatore", "TN"),
    ("673001", "Kozhikode", "KL"), ("682001", "Kochi", "KL"), ("695001", "Thiruvananthapuram", "KL"),
    ("700001", "Kolkata", "WB"), ("700091", "Kolkata", "WB"), ("711101", "Howrah", "WB"),
    ("744101", "Port Blair", "AN"), ("751001", "Bhubaneswar", "OR"), ("781001", "Guwahati", "AS"),
    ("800001", "Patna", "BR"), ("834001", "Ranchi", "JH"),
)  # fmt: skip

FIRST_NAMES = (
    "Aarav", "Aditi", "Aisha", "Ananya", "Arjun", "Asha", "Deepak", "Divya", "Farhan", "Gurpreet", "Harsh", "Ishaan",
    "Jaya", "Kabir", "Kavya", "Lakshmi", "Manish", "Meera", "Mohammed", "Neha", "Nikhil", "Pooja", "Priya", "Rahul",
    "Rajesh", "Riya", "Rohan", "Sanjana", "Shreya", "Sneha", "Suresh", "Tanvi", "Varun", "Vikram", "Yash", "Zoya",
)  # fmt: skip
LAST_NAMES = (
    "Agarwal", "Banerjee", "Bhat", "Chatterjee", "Das", "Desai", "Fernandes", "Ghosh", "Gupta", "Iyer", "Jain", "Joshi",
    "Kapoor", "Khan", "Kulkarni", "Kumar", "Mehta", "Menon", "Mishra", "Nair", "Naidu", "Patel", "Pillai", "Rao",
    "Reddy", "Roy", "Shah", "Sharma", "Singh", "Srinivasan", "Thomas", "Verma", "Yadav",
)  # fmt: skip
STREETS = (
    "MG Road", "Station Road", "Nehru Nagar", "Gandhi Street", "Lake View Road", "Temple Road", "Sector 14",
    "Civil Lines", "Ring Road", "Church Street", "Park Avenue", "Market Road", "Shanti Nagar", "2nd Main",
)  # fmt: skip
NOTES = (
    "Please call before delivery.",
    "Leave with the security guard.",
    "Deliver after 6 pm.",
    "Ring the bell twice.",
)
GIFT_MESSAGES = ("Happy birthday!", "Congratulations on the new home.", "With love from all of us.")


def place_weights() -> list[float]:
    """How often each place of PLACES is drawn: its state's share, divided among the state's places."""
    states = [state for _, _, state in PLACES]
    unnamed = {state for state in states if state not in STATE_SHARES}
    rest = (1 - sum(STATE_SHARES.values())) / len(unnamed)
    return [STATE_SHARES.get(state, rest) / states.count(state) for state in states]

"""City names for the simulator's scans, by PIN code. Pure."""

from __future__ import annotations

from carriers.zones import state_of_pin

#: Sorting district -> city and state, of the places that most parcels pass.
_CITIES = {
    "110": ("Delhi", "Delhi"),
    "121": ("Faridabad", "Haryana"),
    "122": ("Gurugram", "Haryana"),
    "141": ("Ludhiana", "Punjab"),
    "143": ("Amritsar", "Punjab"),
    "160": ("Chandigarh", "Chandigarh"),
    "171": ("Shimla", "Himachal Pradesh"),
    "180": ("Jammu", "Jammu and Kashmir"),
    "190": ("Srinagar", "Jammu and Kashmir"),
    "201": ("Noida", "Uttar Pradesh"),
    "208": ("Kanpur", "Uttar Pradesh"),
    "211": ("Prayagraj", "Uttar Pradesh"),
    "221": ("Varanasi", "Uttar Pradesh"),
    "226": ("Lucknow", "Uttar Pradesh"),
    "248": ("Dehradun", "Uttarakhand"),
    "302": ("Jaipur", "Rajasthan"),
    "313": ("Udaipur", "Rajasthan"),
    "342": ("Jodhpur", "Rajasthan"),
    "360": ("Rajkot", "Gujarat"),
    "380": ("Ahmedabad", "Gujarat"),
    "390": ("Vadodara", "Gujarat"),
    "395": ("Surat", "Gujarat"),
    "400": ("Mumbai", "Maharashtra"),
    "403": ("Panaji", "Goa"),
    "411": ("Pune", "Maharashtra"),
    "421": ("Thane", "Maharashtra"),
    "422": ("Nashik", "Maharashtra"),
    "440": ("Nagpur", "Maharashtra"),
    "452": ("Indore", "Madhya Pradesh"),
    "462": ("Bhopal", "Madhya Pradesh"),
    "492": ("Raipur", "Chhattisgarh"),
    "500": ("Hyderabad", "Telangana"),
    "520": ("Vijayawada", "Andhra Pradesh"),
    "530": ("Visakhapatnam", "Andhra Pradesh"),
    "560": ("Bengaluru", "Karnataka"),
    "570": ("Mysuru", "Karnataka"),
    "575": ("Mangaluru", "Karnataka"),
    "600": ("Chennai", "Tamil Nadu"),
    "605": ("Puducherry", "Puducherry"),
    "620": ("Tiruchirappalli", "Tamil Nadu"),
    "625": ("Madurai", "Tamil Nadu"),
    "641": ("Coimbatore", "Tamil Nadu"),
    "673": ("Kozhikode", "Kerala"),
    "682": ("Kochi", "Kerala"),
    "695": ("Thiruvananthapuram", "Kerala"),
    "700": ("Kolkata", "West Bengal"),
    "734": ("Siliguri", "West Bengal"),
    "744": ("Port Blair", "Andaman and Nicobar Islands"),
    "751": ("Bhubaneswar", "Odisha"),
    "781": ("Guwahati", "Assam"),
    "793": ("Shillong", "Meghalaya"),
    "800": ("Patna", "Bihar"),
    "834": ("Ranchi", "Jharkhand"),
}
#: The sorting hub that serves a region, by the first digit of the PIN code.
_HUBS = {
    "1": ("Gurugram_Tauru_H", "Haryana"),
    "2": ("Lucknow_Sarojini_H", "Uttar Pradesh"),
    "3": ("Ahmedabad_Bavla_H", "Gujarat"),
    "4": ("Bhiwandi_Mankoli_H", "Maharashtra"),
    "5": ("Hyderabad_Shamshabad_H", "Telangana"),
    "6": ("Bengaluru_Hoskote_H", "Karnataka"),
    "7": ("Kolkata_Dankuni_H", "West Bengal"),
    "8": ("Patna_Fatuha_H", "Bihar"),
}


def city_and_state(postcode: str) -> tuple[str, str]:
    """The city of a PIN code's sorting district; the state alone where the table has no city."""
    known = _CITIES.get(postcode[:3])
    if known:
        return known
    state = state_of_pin(postcode).title().replace(" And ", " and ")
    return (f"{state} {postcode[:3]}" if state else postcode), state


def scan_place(postcode: str, kind: str) -> str:
    """A place as couriers write it: `Jaipur_DC (Rajasthan)`."""
    city, state = city_and_state(postcode)
    return f"{city.replace(' ', '')}_{kind} ({state})"


def hub(postcode: str) -> str:
    """The sorting hub of a PIN code's region."""
    name, state = _HUBS.get(postcode[:1], ("Nagpur_Butibori_H", "Maharashtra"))
    return f"{name} ({state})"


def postcode_of_location(name: str, default: str) -> str:
    """A PIN code for a pickup location whose name tells a city (`Mumbai DC`); `default` when it tells none."""
    lowered = name.casefold()
    for prefix, (city, _) in _CITIES.items():
        if city.casefold() in lowered:
            return f"{prefix}001"
    return default

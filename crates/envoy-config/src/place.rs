//! A value of a configuration together with where it stands.

use serde_json::Value;

/// A value, or the absence of one, at a path of a file.
#[derive(Clone)]
pub(crate) struct Place<'a> {
    /// The file, as findings name it.
    pub(crate) file: &'a str,
    /// Dotted, from the file's root.
    pub(crate) path: String,
    /// `null` if absent.
    pub(crate) value: &'a Value,
}

impl<'a> Place<'a> {
    pub(crate) fn root(file: &'a str, value: &'a Value) -> Self {
        Self {
            file,
            path: String::new(),
            value,
        }
    }

    /// The field below, by its dotted name in snake case; Envoy reads camel case as well.
    pub(crate) fn field(&self, dotted: &str) -> Self {
        let mut value = self.value;
        for name in dotted.split('.') {
            value = value
                .get(name)
                .or_else(|| value.get(camel(name)))
                .unwrap_or(&Value::Null);
        }
        let separator = if self.path.is_empty() { "" } else { "." };
        Self {
            file: self.file,
            path: format!("{}{separator}{dotted}", self.path),
            value,
        }
    }

    /// The entry below, if it is a map whose keys are no fields: they may hold dots.
    pub(crate) fn entry(&self, key: &str) -> Self {
        Self {
            file: self.file,
            path: format!("{}.{key}", self.path),
            value: self.value.get(key).unwrap_or(&Value::Null),
        }
    }

    /// The fields, if it is an object, by the names that are written there.
    pub(crate) fn fields(&self) -> Vec<(&'a str, Self)> {
        let fields = self.value.as_object().into_iter().flatten();
        let place = |(name, value): (&'a String, &'a Value)| {
            let separator = if self.path.is_empty() { "" } else { "." };
            let path = format!("{}{separator}{name}", self.path);
            let file = self.file;
            (name.as_str(), Self { file, path, value })
        };
        fields.map(place).collect()
    }

    /// Whether it says anything: neither absent, nor `false`, nor an empty list.
    pub(crate) fn is_set(&self) -> bool {
        let empty = |list: &Vec<Value>| list.is_empty();
        !matches!(self.value, Value::Null | Value::Bool(false))
            && !self.value.as_array().is_some_and(empty)
    }

    /// The elements, if it is a list.
    pub(crate) fn items(&self) -> Vec<Self> {
        let elements = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        let place = |(index, value)| {
            let path = format!("{}[{index}]", self.path);
            Self {
                file: self.file,
                path,
                value,
            }
        };
        elements.iter().enumerate().map(place).collect()
    }

    /// The elements, or itself where it is no list.
    pub(crate) fn list_or_self(&self) -> Vec<Self> {
        if self.value.is_array() {
            self.items()
        } else {
            vec![self.clone()]
        }
    }

    /// The elements of the list at `dotted`.
    pub(crate) fn list(&self, dotted: &str) -> Vec<Self> {
        self.field(dotted).items()
    }

    /// Its text, if it is text.
    pub(crate) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// Whether it has this text, or anything below has.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        let below = self.fields().into_iter().map(|(_, field)| field);
        self.text().contains(text) || (below.chain(self.items())).any(|place| place.mentions(text))
    }

    /// Whether its `@type` is this message.
    pub(crate) fn is_a(&self, message: &str) -> bool {
        self.field("@type").text().ends_with(message)
    }
}

fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name
}
